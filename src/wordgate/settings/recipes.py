"""Recipes, which are named sets of all settings, and overrides of single settings."""

import difflib
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from wordgate.arguments import whole_number
from wordgate.errors import SettingsError, address_message, did_you_mean
from wordgate.settings.schema import Settings, flattened, format_setting, setting_fields
from wordgate.storage.files import expand_home

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Value = TypeVar("Value")
LARGEST_SEED = 2**32 - 1
EXTENDS = "extends"
"""The key that names the recipe from which a recipe inherits."""
_BASE = "default"
"""The recipe that a user's recipe extends by default."""

_NEEDED = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "above {gt}",
    "greater_than_equal": "at least {ge}",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "less_than": "below {lt}",
    "less_than_equal": "at most {le}",
    "literal_error": "{expected}",
    "model_type": "a table of settings",
    "string_type": "a name",
    "too_short": "one or several values, joined by '+'",
    "tuple_type": "one or several values, joined by '+'",
}
"""Descriptions of valid values, by the type of a pydantic error."""

_MOST_SHOWN = 200  # maximum characters of a value in a message
_MOST_FAULTS = 100
_RECIPE, _COSTS_FILE, _SPACE = "recipe", "file of costs", "search space"
_LONGEST = {_RECIPE: 2**14, _COSTS_FILE: 2**20, _SPACE: 2**14}
"""Maximum bytes of recipes and of files of costs."""
_LONGEST_LINE = 2**12  # bytes, in a file of costs: the parser takes seconds for a key of 40,000

SET_BY_CANDIDATE = frozenset(
    f"lstm.{name}"
    for name in (
        *("hidden_size", "word_dropout", "embedding_learning_rate", "vectors_learning_rate"),
        "vectors_random_learning_rate",
    )
)
"""Settings in which the second LSTM candidate differs; setting one of them disables it."""


def recipe_names() -> list[str]:
    """Return the names of the packaged recipes."""
    files = (resources.files("wordgate") / "recipes").iterdir()
    return sorted(file.name.removesuffix(".toml") for file in files if file.name.endswith(".toml"))


def recipe_summary(name: str) -> str:
    """Return the summary of a packaged recipe, the first line of its file."""
    return _content(name).decode("utf-8").partition("\n")[0].removeprefix("#").strip()


def recipe_toml(recipe: str | Path) -> str:
    """Format a recipe as TOML that, saved as a user's recipe, has the same effect.

    It has the recipe that it extends and all settings. Inherited settings of a user's recipe are
    comments, because they would otherwise count as set by the user.

    Raises:
        SettingsError: The recipe is unknown, or settings are.
    """
    settings = load_settings(recipe)
    if str(recipe) in recipe_names():
        base, own = str(recipe), _packaged_settings(str(recipe))
    else:
        base, own = _user_recipe(recipe)
    written = {}
    for name, value in settings.flat().items():
        line = f"{name.rpartition('.')[2]} = {_toml(own.get(name, value))}"
        written[name] = line if name in own else f"# {line}"
    return "\n".join([f"{EXTENDS} = {_toml(base)}", "", *_by_table(written)]) + "\n"


def own_recipe_toml(recipe: str | Path, changes: Mapping[str, object], remark: str) -> str:
    """Format a recipe that extends another one, with only the settings that differ.

    Args:
        recipe: The recipe to extend; the settings of a user's recipe are copied.
        changes: Settings by their dotted names.
        remark: A comment for the first lines.

    Raises:
        SettingsError: The recipe is unknown.
    """
    base, own = (str(recipe), {}) if str(recipe) in recipe_names() else _user_recipe(recipe)
    own |= changes
    written = {name: f"{name.rpartition('.')[2]} = {_toml(own[name])}" for name in own}
    head = [
        *(f"# {line}" for line in remark.splitlines()),
        "",
        f"{EXTENDS} = {_toml(base)}",
    ]
    return "\n".join([*head, *_by_table(written)]) + "\n"


def _by_table(written: Mapping[str, str]) -> list[str]:
    """Format lines of settings, given by dotted names: those without a table, then each table."""
    lines, tables = [], []
    for name, content in _nested(written).items():
        if isinstance(content, dict):
            tables += ["", f"[{name}]", *content.values()]
        else:
            lines.append(content)
    return lines + tables


def _toml(value: object) -> str:
    """Format a setting's value as TOML; several strings are joined by ``+``."""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_toml(name)} = {_toml(one)}' for name, one in value.items())} }}"
    if isinstance(value, list) and not all(isinstance(one, str) for one in value):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(format_setting(value), ensure_ascii=False).replace("\x7f", "\\u007f")


def load_settings(recipe: str | Path, overrides: Mapping[str, object] | None = None) -> Settings:
    """Load a recipe, and override single settings.

    Settings of a user, in overrides or an own recipe, are not adapted to the data. So setting one
    in which the two LSTM candidates of a recipe differ disables the second one, unless a setting of
    the second one is set, too; `lstm.epochs` disables `lstm.max_updates`, `lstm.patience` disables
    `lstm.patience_updates`, and dropping unknown words disables `lstm.word_dropout`.

    Args:
        recipe: A name from `recipe_names()`, or the path of a ``.toml`` file. It inherits the
            settings of the recipe that it extends, such as ``extends = "taught"``; by default, of
            ``default``.
        overrides: Settings that override the recipe, by dotted names such as ``lstm.hidden_size``
            or in nested tables. Values may be strings, as typed.

    Returns:
        The complete, validated settings.

    Raises:
        SettingsError: The recipe is unknown, or settings are invalid; all errors are reported.
    """
    given = flat_overrides(overrides)
    if str(recipe) in recipe_names():
        values = _packaged_settings(str(recipe))
    else:
        base, own = _user_recipe(recipe)
        inherited = _packaged_settings(base)
        values = {**inherited, **own}
        given = {**_set_in(own, inherited), **given}
    names = given.keys()
    implied: dict[str, object] = {}
    if SET_BY_CANDIDATE & names and not any(name.startswith("lstm.lighter_") for name in names):
        implied["lstm.lighter_candidate"] = False
    if "lstm.epochs" in names:
        implied["lstm.max_updates"] = 0
    if "lstm.patience" in names:
        implied["lstm.patience_updates"] = 0
    if str(given.get("text.unknown_words")).strip() == "drop":
        implied |= {"lstm.word_dropout": 0.0, "lstm.lighter_word_dropout": 0.0}
    settings = _validated(_with_costs({**values, **implied, **given}), recipe)
    return settings.with_user_settings(names)


def _with_costs(values: dict[str, object]) -> dict[str, object]:
    """Read the file of costs by label, if the objective names one."""
    name = str(values.get("objective", "")).strip()
    if not name.endswith(".toml") or "=" in name:
        return values
    costs = read_toml(name, _COSTS_FILE)
    if not costs:
        raise SettingsError(f"the file of costs '{name}' names no label")
    return {**values, "objective": costs}


def _set_in(values: dict[str, Any], inherited: Mapping[str, Any]) -> dict[str, object]:
    """Return the settings that a user's recipe sets; of a complete recipe, those that differ.

    So a complete copy of a recipe has the same effect as the recipe.
    """
    if not setting_fields().keys() <= values.keys():
        return dict(values)
    return {name: value for name, value in values.items() if value != inherited.get(name)}


def flat_overrides(overrides: Mapping[str, object] | None) -> dict[str, object]:
    """Flatten settings, given by dotted names or as nested tables, to dotted names."""
    return _each_once(flattened({str(name): value for name, value in (overrides or {}).items()}))


def parse_assignments(assignments: Sequence[str]) -> dict[str, str]:
    """Turn ``["lstm.hidden_size=64"]`` into ``{"lstm.hidden_size": "64"}``.

    Raises:
        SettingsError: An assignment is not of the form NAME=VALUE, or a setting occurs twice.
    """
    pairs = []
    for assignment in assignments:
        key, sign, value = assignment.partition("=")
        if not sign or not key.strip():
            raise SettingsError(
                f"'{assignment}' is not a setting; write NAME=VALUE, such as lstm.hidden_size=64"
            )
        pairs.append((key.strip(), value.strip()))
    return _each_once(pairs)


def _each_once(pairs: Iterable[tuple[str, Value]]) -> dict[str, Value]:
    """Return values by the names of their settings; a repeated name is a `SettingsError`."""
    values: dict[str, Value] = {}
    for name, value in pairs:
        if name in values:
            raise SettingsError(
                f"{name} is set more than once: {values[name]!s:.80} and {value!s:.80}; set it once"
            )
        values[name] = value
    return values


def checked_seed(seed: int, name: str = "seed") -> int:
    """Return a seed as an integer; `name` is for error messages.

    Raises:
        SettingsError: It is not a whole number in the range of scikit-learn.
    """
    return whole_number(seed, name, f"a whole number from 0 to {LARGEST_SEED}", 0, LARGEST_SEED)


def _user_recipe(recipe: str | Path) -> tuple[str, dict[str, Any]]:
    """Read a user's recipe: the name of the recipe that it extends, and its settings."""
    name = str(recipe)
    if (address := address_message(name)) is not None:
        raise SettingsError(address)
    if not name.endswith(".toml"):
        raise SettingsError(
            f"no recipe '{name}'"
            + did_you_mean(name, [*recipe_names(), "the path of your own .toml file"])
        )
    own = _each_once(flattened(read_toml(name, _RECIPE)))
    base = own.pop(EXTENDS, _BASE)
    if base not in recipe_names():
        raise SettingsError(
            f"the recipe '{recipe}' extends {_shown(base)}"
            + did_you_mean(str(base), recipe_names())
        )
    return base, own


def _packaged_settings(name: str) -> dict[str, Any]:
    """Return all settings of a packaged recipe, which may extend another one."""
    values = dict(flattened(parse_toml(_content(name), name, _RECIPE)))
    base = values.pop(EXTENDS, None)
    return values if base is None else {**_packaged_settings(base), **values}


def _content(name: str) -> bytes:
    return (resources.files("wordgate") / "recipes" / f"{name}.toml").read_bytes()


def read_toml(name: str, what: str) -> dict[str, Any]:
    """Read a user's TOML file; errors are those of `parse_toml`, or that it cannot be read."""
    try:
        return parse_toml(expand_home(name).read_bytes(), name, what)
    except OSError as error:
        raise SettingsError(f"the {what} '{name}' cannot be read: {error.strerror}") from error


def parse_toml(content: bytes, name: str, what: str) -> dict[str, Any]:
    """Parse the content of a TOML file.

    Args:
        content: Its bytes.
        name: Its name, for messages.
        what: What it is: a ``recipe``, a ``file of costs`` or a ``search space``.

    Raises:
        SettingsError: It is too long, or not valid TOML.
    """
    if len(content) > _LONGEST[what]:
        raise SettingsError(
            f"the {what} '{name}' has {len(content):,} bytes; a {what} has at most"
            f" {_LONGEST[what]:,}"
        )
    if what == _COSTS_FILE and (longest := max(map(len, content.split(b"\n")))) > _LONGEST_LINE:
        raise SettingsError(
            f"the {what} '{name}' has a line of {longest:,} bytes; a line has at most"
            f" {_LONGEST_LINE:,}"
        )
    try:
        return tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:  # also for long numbers and deep lists
        why = f"{error!s:.{_MOST_SHOWN}}"
        raise SettingsError(f"the {what} '{name}' is not valid TOML: {why}") from error


def _validated(values: Mapping[str, object], recipe: str | Path) -> Settings:
    fields = setting_fields()
    unknown = [name for name in values if name not in fields]
    faults = [f"  no setting '{name:.{_MOST_SHOWN}}'{_suggested(name, fields)}" for name in unknown]
    known = {name: value for name, value in values.items() if name in fields}
    try:
        settings = Settings.model_validate(_nested(known))
    except ValidationError as error:
        faults += dict.fromkeys(map(_fault, error.errors()))
    else:
        if not faults:
            return settings
    if len(faults) > _MOST_FAULTS:
        left = len(faults) - _MOST_FAULTS
        faults = [*faults[:_MOST_FAULTS], f"  and {left:,} more"]
    raise SettingsError("\n".join([f"these settings (recipe '{recipe}') cannot be used:", *faults]))


def _suggested(name: str, fields: Mapping[str, object]) -> str:
    """Suggest settings with the same or a similar name, in the tables that have one."""
    if "." in name or name.replace("_", ".", 1) in fields:
        return did_you_mean(name, fields)
    shorts = {known.rpartition(".")[2] for known in fields}
    near = difflib.get_close_matches(name, shorts, n=1)
    if not near:
        return did_you_mean(name, fields)
    quoted = [f"'{known}'" for known in fields if known.rpartition(".")[2] == near[0]]
    return f"; did you mean {' or '.join(quoted)}?"


def _nested(values: Mapping[str, object]) -> dict[str, Any]:
    """Nest settings with dotted names in the tables of the schema."""
    nested: dict[str, Any] = {}
    for name, value in values.items():
        table, dot, short = name.rpartition(".")
        if dot:
            nested.setdefault(table, {})[short] = value
        else:
            nested[name] = value
    return nested


def _fault(detail: Any) -> str:
    """Format an error of pydantic for users."""
    if detail["type"] == "no_effect":
        return f"  {detail['msg']}"
    name = f"{'.'.join(part for part in detail['loc'] if isinstance(part, str)):.{_MOST_SHOWN}}"
    if detail["type"] not in _NEEDED:
        return f"  {name}: {detail['msg']}, not {_shown(detail['input'])}"
    needed = _NEEDED[detail["type"]].format(**detail.get("ctx", {}))
    return f"  {name} is {_shown(detail['input'])}; it must be {needed}"


def _shown(value: object) -> str:
    """Format a value in one line, or its type if it is too long or too deep."""
    try:
        return f"{value!r:.{_MOST_SHOWN}}"
    except (ValueError, RecursionError):
        return f"a {type(value).__name__}"
