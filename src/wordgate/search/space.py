"""Search spaces: the ranges of settings, and their files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from wordgate.errors import SettingsError, did_you_mean
from wordgate.families import FAMILIES
from wordgate.settings import load_settings, parse_toml, read_toml, setting_fields

if TYPE_CHECKING:
    from optuna.trial import Trial

_WHAT = "search space"
_ENDS = ("low", "high")
_KEYS = {*_ENDS, "log", "choices"}
_OF_VECTORS = "lstm.vectors_"
_WITHOUT_VECTORS = ("lstm.embedding_size", "lstm.embedding_learning_rate")

START_SMALL: Mapping[str, Mapping[str, object]] = {
    "count": {"count.words": 2, "count.characters": 0, "count.min_texts": 2},
    "lstm": {"vectors.stored": "int8", "text.max_words": 10000},
}
"""Settings by family that a search tries early with a limit of latency or size."""


@dataclass(frozen=True)
class Range:
    """The numbers from `low` to `high`, both included, sampled on a logarithmic scale if `log`."""

    low: float
    high: float
    log: bool = False

    def suggest(self, trial: Trial, name: str) -> object:
        """Sample a value with Optuna."""
        if isinstance(self.low, int) and isinstance(self.high, int):
            return trial.suggest_int(name, self.low, self.high, log=self.log)
        return trial.suggest_float(name, self.low, self.high, log=self.log)

    def ends(self) -> tuple[object, ...]:
        """Return the bounds, for validation."""
        return (self.low, self.high)


@dataclass(frozen=True)
class Choices:
    """A set of values without an order."""

    values: tuple[Any, ...]

    def suggest(self, trial: Trial, name: str) -> object:
        """Sample a value with Optuna."""
        return trial.suggest_categorical(name, self.values)

    def ends(self) -> tuple[object, ...]:
        """Return all values."""
        return self.values


Space = Mapping[str, Range | Choices]
"""Ranges by the dotted names of their settings."""


def read_space(file: str | Path | None, families: Sequence[str]) -> dict[str, Range | Choices]:
    """Read and check the ranges of a user's file; none without a file."""
    if file is None:
        return {}
    ranges = _ranges(read_toml(str(file), _WHAT), str(file))
    if not ranges:
        raise SettingsError(f"the search space '{file}' names no setting")
    for name, one in ranges.items():
        _check(name, one, families, str(file))
    return ranges


def space_of(
    family: str,
    own: Space,
    *,
    fixed: Collection[str] = (),
    vectors: bool = False,
    small: bool = False,
) -> dict[str, Range | Choices]:
    """Return the ranges of a family: the default ones, replaced by those of the user.

    `fixed` settings are not searched; `vectors` is whether there are pretrained word vectors, and
    `small` whether latency or size is limited.
    """
    ranges = {**_default("space"), **(_default("small") if small else {})}
    usable = {
        name: one
        for name, one in ranges.items()
        if not (name in _WITHOUT_VECTORS if vectors else name.startswith(_OF_VECTORS))
    }
    return {
        name: one
        for name, one in {**usable, **own}.items()
        if FAMILIES[family].reads(name) and name not in fixed
    }


def suggest(trial: Trial, space: Space) -> dict[str, object]:
    """Sample a value for each setting of a space with Optuna."""
    return {name: one.suggest(trial, name) for name, one in space.items()}


def _default(name: str) -> dict[str, Range | Choices]:
    file = resources.files("wordgate.search") / f"{name}.toml"
    return _ranges(parse_toml(file.read_bytes(), file.name, _WHAT), file.name)


def _ranges(content: Mapping[str, Any], file: str) -> dict[str, Range | Choices]:
    """Parse ranges by dotted names: ``"lstm.hidden_size" = ...``, or in the table ``[lstm]``."""
    ranges: dict[str, Range | Choices] = {}
    for name, value in _entries(content):
        if name in ranges:
            raise _fault(name, file, "is given more than once")
        ranges[name] = _range(name, value, file)
    return ranges


def _entries(content: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    for name, value in content.items():
        if isinstance(value, Mapping) and not _KEYS & value.keys():
            yield from ((f"{name}.{short}", one) for short, one in value.items())
        else:
            yield name, value


def _range(name: str, value: Any, file: str) -> Range | Choices:
    if isinstance(value, Mapping):
        if unknown := value.keys() - _KEYS:
            raise _fault(name, file, f"has '{min(unknown)}'; {_FORM}")
        if value.keys() == {"choices"} and isinstance(value["choices"], list):
            return _choices(name, value["choices"], file)
        low, high, log = value.get("low"), value.get("high"), value.get("log", False)
    elif isinstance(value, list) and not (len(value) == 2 and all(map(_is_number, value))):
        return _choices(name, value, file)
    else:
        low, high, log = (*value, False) if isinstance(value, list) else (None, None, False)
    if not (_is_number(low) and _is_number(high) and isinstance(log, bool)):
        raise _fault(name, file, f"is {value!r:.100}; {_FORM}")
    if not low < high:
        raise _fault(name, file, f"goes from {low} to {high}; the first must be the smaller one")
    if log and low <= 0:
        raise _fault(name, file, f"begins at {low}, and log = true needs more than 0")
    return Range(low, high, log)


def _choices(name: str, values: list[Any], file: str) -> Choices:
    if len(values) < 2 or not all(isinstance(one, str | int | float) for one in values):
        raise _fault(name, file, f"is {values!r:.100}; {_FORM}")
    return Choices(tuple(values))


_FORM = (
    "write two numbers, such as [32, 256], or { low = 32, high = 256, log = true }, or at least"
    " two values to choose from, such as { choices = [32, 64, 128] }"
)


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check(name: str, values: Range | Choices, families: Sequence[str], file: str) -> None:
    """Raise a `SettingsError` for a setting that is unknown or idle, or values out of range."""
    fields = setting_fields()
    if name not in fields:
        raise _fault(name, file, f"is no setting{did_you_mean(name, fields)}")
    if not any(FAMILIES[family].reads(name) for family in families):
        raise _fault(name, file, f"has no effect on {' or '.join(families)} models: leave it out")
    if "." not in name and name not in ("class_weight", "calibration"):
        raise _fault(name, file, "decides what is measured, so it cannot be searched: leave it out")
    try:
        for value in values.ends():
            load_settings("default", {name: value})
    except SettingsError as error:
        fault = str(error).partition("\n")[2].strip().removeprefix(f"{name} ")
        raise _fault(name, file, fault) from error


def _fault(name: str, file: str, what: str) -> SettingsError:
    return SettingsError(f"the search space '{file}': {name} {what}")
