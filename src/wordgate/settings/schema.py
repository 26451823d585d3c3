"""The settings of a training: general settings, and the tables of the families."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, PrivateAttr, field_validator, model_validator

from wordgate.errors import did_you_mean
from wordgate.settings.tables import (
    AverageSettings,
    ClassWeight,
    CountSettings,
    LogregSettings,
    LossSettings,
    LSTMSettings,
    MLPSettings,
    SettingsTable,
    TeacherSettings,
    TextSettings,
    TransformerSettings,
    VectorSettings,
    fault,
)

_NUMBER = r"[0-9]*\.?[0-9]+"
_OBJECTIVE = re.compile(
    rf"auto|none|f1|(?:precision|recall)@(?P<share>{_NUMBER})"
    rf"|cost@(?P<false_positive>{_NUMBER}):(?P<missed>{_NUMBER})",
    re.ASCII,
)
_COSTS = ("false_positive", "false_negative")


def parse_class_weight(value: object) -> object:
    """Parse weights of labels, typed as ``spam=5,ham=1`` or in a mapping.

    Raises:
        PydanticCustomError: The weights are invalid.
    """
    if isinstance(value, str) and value.strip() in get_args(ClassWeight):
        return value.strip()
    weights = _by_label(value, "class_weight")
    if not weights:
        raise fault(f"class_weight is {value!r:.200}; it must be {_CLASS_WEIGHTS}")
    return {
        label: _positive(weight, f"class_weight gives {label!r:.200} the weight")
        for label, weight in weights.items()
    }


_CLASS_WEIGHTS = (
    "'none', 'moderate', 'balanced', or labels with their weights, such as spam=5,ham=1"
)


def parse_objective(value: object) -> object:
    """Parse the objective of thresholds: a name, or costs by label, typed or in a mapping.

    Returns:
        The name; or for each label the costs ``false_positive`` and ``false_negative``, 1 if left
        out.

    Raises:
        PydanticCustomError: It is neither, or a value is out of range.
    """
    if isinstance(value, str) and (named := _OBJECTIVE.fullmatch(value.strip())):
        share, *costs = named.group("share", "false_positive", "missed")
        if share is not None and not 0.0 < float(share) <= 1.0:
            raise fault(f"objective is {value!r:.200}; its value must be above 0 and at most 1")
        if costs != [None, None] and not all(0.0 < float(cost) < math.inf for cost in costs):
            raise fault(f"objective is {value!r:.200}; its costs must be finite numbers above 0")
        return value.strip()
    by_label = _by_label(value, "objective")
    if not by_label:
        raise fault(f"objective is {value!r:.200}; it must be {_OBJECTIVES}")
    return {label: _costs(label, costs) for label, costs in by_label.items()}


_OBJECTIVES = (
    "auto, none, f1, precision@P, recall@R, cost@FALSE-POSITIVE:FALSE-NEGATIVE, or costs"
    " by label (a .toml file, or for example spam=1:5)"
)


def _costs(label: str, costs: Any) -> dict[str, float]:
    """Return the costs of one label, in the order of `_COSTS`."""
    name = f"{label!r:.200}"
    if isinstance(costs, str) and costs.count(":") == 1:
        costs = dict(zip(_COSTS, costs.split(":"), strict=True))
    if not isinstance(costs, Mapping) or not costs:
        raise fault(
            f"objective gives {name} {costs!r:.200}; it must be costs, such as"
            " {false_positive = 1, false_negative = 5}"
        )
    for cost in costs:
        if cost not in _COSTS:
            raise fault(
                f"objective gives {name} an unknown cost {str(cost)!r:.200}"
                f"{did_you_mean(str(cost), _COSTS)}"
            )
    return {
        cost: _positive(costs.get(cost, 1.0), f"objective gives {name} the {cost}")
        for cost in _COSTS
    }


def _by_label(value: object, setting: str) -> dict[str, Any]:
    """Parse values by label from ``spam=5,ham=1`` or a mapping; empty for other types."""
    pairs: list[tuple[str, Any]] = []
    if isinstance(value, str):
        parts = [part.rpartition("=") for part in value.split(",")]
        if not all(sign for _, sign, _ in parts):
            return {}
        pairs = [(label.strip(), number.strip()) for label, _, number in parts]
    elif isinstance(value, Mapping):
        pairs = [
            (label if isinstance(label, str) else str(label), one) for label, one in value.items()
        ]
    for label, times in Counter(label for label, _ in pairs).items():
        if times > 1:
            raise fault(f"{setting} names the label {label!r:.200} more than once: name it once")
    return dict(pairs)


def _positive(value: Any, what: str) -> float:
    """Validate a weight or cost of a label, a number above 0."""
    try:
        number = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not 0.0 < number < math.inf:
        raise fault(f"{what} {value!r:.200}; it must be a finite number above 0")
    return number


class Settings(SettingsTable):
    """Everything that determines how a model is trained, except its data and the random seed.

    There are no defaults here: each recipe has all settings, its own or inherited ones.
    """

    split: Literal["grouped", "random"] = Field(
        description="keep groups together (`grouped`), or assign rows at random (`random`)"
    )
    test_size: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        description="fraction of the rows for the test set"
    )
    valid_size: Annotated[float, Field(gt=0.0, lt=1.0)] = Field(
        description="fraction of the remaining rows for the validation set"
    )
    stratify: bool = Field(
        description="stratify a random split by label; a grouped split is always stratified, as"
        " well as whole groups allow"
    )
    empty_texts: Literal["drop", "nan"] = Field(
        description="leave out rows whose text is empty or only whitespace (`drop`), or keep them,"
        " with an empty text as the word `nan`, as pandas' `astype(str)` does"
    )
    calibration: Literal["temperature", "none"] = Field(
        description="calibrate probabilities by temperature scaling on the validation rows (Guo et"
        " al. 2017), or not"
    )
    objective: str | dict[str, dict[str, float]] = Field(
        description="objective for choosing thresholds on the validation rows: `f1`,"
        " `precision@P` or `recall@R`, such as `recall@0.9`, or"
        " `cost@FALSE-POSITIVE:FALSE-NEGATIVE`, such as `cost@1:5`; or costs by label: a `.toml`"
        " file, a table in a recipe, or a list such as `spam=1:5,scam=1:9`, where other costs are"
        " 1; `none` for 0.5, or for the most probable label if there is one label per text; `auto`"
        " is `f1` with several labels per text and `none` with one"
    )
    class_weight: ClassWeight | dict[str, float] = Field(
        description="weights of the labels in the loss of every family: `none`; `balanced`, which"
        " is the number of texts / (number of labels * number of texts with the label), as in"
        " scikit-learn; `moderate`, the fourth root of that; or your own, such as `spam=5,ham=1` or"
        " a table in a recipe, where other weights are 1. With several labels per text, the weight"
        " applies to the texts with the label, and `balanced` is the number of texts without the"
        " label divided by the number of texts with it, at most 100. Weights shift probabilities"
        " towards labels with higher weights; calibration corrects this in part"
    )
    text: TextSettings
    vectors: VectorSettings
    count: CountSettings
    average: AverageSettings
    logreg: LogregSettings
    loss: LossSettings
    mlp: MLPSettings
    lstm: LSTMSettings
    transformer: TransformerSettings
    teacher: TeacherSettings
    _set_by_user: frozenset[str] = PrivateAttr(default=frozenset())

    _parse_class_weight = field_validator("class_weight", mode="before")(parse_class_weight)
    _parse_objective = field_validator("objective", mode="before")(parse_objective)

    @property
    def empty_text_as(self) -> str | None:
        """Replacement for an empty text; None to leave out its row."""
        return None if self.empty_texts == "drop" else self.empty_texts

    @property
    def set_by_user(self) -> frozenset[str]:
        """The settings that a user set, by their dotted names; they are not adapted to the data."""
        return self._set_by_user

    def with_user_settings(self, names: Iterable[str]) -> "Settings":
        """Return a copy with the settings that a user set, by their dotted names."""
        copy = self.model_copy()
        copy._set_by_user = frozenset(names)
        return copy

    def updated(self, changes: Mapping[str, object]) -> "Settings":
        """Return a copy with other values of settings, by their dotted names.

        Values are not validated, because they come from validated settings.
        """
        update: dict[str, Any] = {}
        for name, value in changes.items():
            table, dot, short = name.rpartition(".")
            if dot:
                old = update.get(table) or getattr(self, table)
                update[table] = old.model_copy(update={short: value})
            else:
                update[name] = value
        return self.model_copy(update=update)

    def with_lighter_lstm(self) -> "Settings":
        """Return the settings of the second, less regularized LSTM candidate."""
        return self.model_copy(update={"lstm": self.lstm.lighter()})

    def flat(self) -> dict[str, Any]:
        """Return the settings by their dotted names, as plain JSON values."""
        return dict(flattened(self.model_dump(mode="json")))

    def with_vectors_of(self, size: int) -> "Settings":
        """Return the settings of an LSTM that starts from vectors of this many dimensions."""
        return self.updated(
            {
                "lstm.embedding_size": size + self.lstm.vectors_extra_size,
                "lstm.embedding_learning_rate": self.lstm.vectors_random_learning_rate,
            }
        )

    @model_validator(mode="after")
    def _check_word_dropout(self) -> "Settings":
        if self.text.unknown_words != "drop":
            return self
        lighter = self.lstm.lighter_word_dropout if self.lstm.lighter_candidate else 0.0
        rates = {"lstm.word_dropout": self.lstm.word_dropout, "lstm.lighter_word_dropout": lighter}
        for name, rate in rates.items():
            if rate:
                raise fault(
                    f"{name} replaces words by the unknown word, and with text.unknown_words=drop"
                    f" there is none; set {name}=0 or text.unknown_words=id"
                )
        return self


def setting_fields() -> dict[str, Any]:
    """Return the pydantic field of every setting by its dotted name, in the order of the schema."""
    fields: dict[str, Any] = {}
    for name, field in Settings.model_fields.items():
        table = field.annotation
        if isinstance(table, type) and issubclass(table, SettingsTable):
            fields |= {f"{name}.{short}": own for short, own in table.model_fields.items()}
        else:
            fields[name] = field
    return fields


def flattened(values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the values of nested tables by their dotted names; values by label are not a table."""
    for name, value in values.items():
        if isinstance(value, Mapping) and name not in ("class_weight", "objective"):
            yield from ((f"{name}.{short}", own) for short, own in value.items())
        else:
            yield name, value


def format_setting(value: object) -> str:
    """Format a JSON value of a setting for ``--set``."""
    if isinstance(value, list):
        return "+".join(map(str, value))
    if isinstance(value, Mapping):
        return ",".join(f"{label}={_amounts(own)}" for label, own in value.items())
    return str(value).lower() if isinstance(value, bool) else str(value)


def _amounts(value: object) -> str:
    """Format a label's weight or costs; in an untrusted model they can be of any type."""
    amounts = value.values() if isinstance(value, Mapping) else [value]
    return ":".join(f"{one:g}" if isinstance(one, int | float) else str(one) for one in amounts)
