"""JSON Lines: one object a line."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable

from wordgate.data.decoding import without_surrogates
from wordgate.data.reading import Malformed
from wordgate.data.records import Cell, Records
from wordgate.errors import DataError
from wordgate.runtime.display import shown

_MOST_SHOWN = 40  # characters of a key
# Cells that any file may have; beyond, a character each, or a small file would fill the memory.
_FEW_CELLS = 10**6


def looks_like_jsonl(text: str) -> bool:
    """Tell whether the first line that isn't blank is a JSON object."""
    first = text.lstrip()[:65_536].partition("\n")[0]
    return first.startswith("{") and isinstance(_decoded(first), dict)


def read_jsonl(text: str, name: str) -> Records:
    """Read one JSON object a line; keys become columns in order of first appearance.

    Args:
        text: The file's characters.
        name: The file, for messages.

    Returns:
        The objects by column; a cell is None where the object lacks the key, "" where it is null.

    Raises:
        DataError: No object at all, or far too many different keys.
    """
    objects: list[dict[str, Cell]] = []
    rows: list[int] = []
    lines: list[int] = []
    malformed: list[Malformed] = []
    number = 0
    # Only \n ends a line: str.splitlines would cut a text at U+2028, which JSON allows.
    for line, content in enumerate(text.split("\n"), start=1):
        if not content.strip():
            continue
        number += 1
        value = _object(content)
        if isinstance(value, str):
            malformed.append(Malformed(line, value))
            continue
        objects.append(value)
        rows.append(number)
        lines.append(line)
    if not objects:
        raise DataError(_no_objects(name, malformed, text))
    keys = list(dict.fromkeys(key for value in objects for key in value))
    if len(keys) * len(objects) > _FEW_CELLS + len(text):
        raise DataError(
            f"the {len(objects):,} objects of '{name}' have {len(keys):,} different keys, too many"
            " for columns: keep the keys that are needed"
        )
    return Records(
        format="jsonl",
        names=keys,
        columns=[[value.get(key) for value in objects] for key in keys],
        rows=rows,
        lines=lines,
        n_read=number,
        malformed=malformed,
    )


class _Repeating(dict[str, object]):
    """An object that has a key more than once.

    Attributes:
        names: All of its keys.
    """

    names: list[str]


def _as_object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    repeating = _Repeating(found)
    repeating.names = [name for name, _ in pairs]
    return repeating


_decode = json.JSONDecoder(object_pairs_hook=_as_object).decode


def parsed_object(content: str) -> dict[str, object] | str:
    """Parse one line; where it is no object, or has a key twice, return what is wrong with it.

    In an object within the object the last of equal keys holds.
    """
    value = _decoded(content)
    return two_keys(value.names) if isinstance(value, _Repeating) else value


def two_keys(names: Iterable[str]) -> str:
    """Say that a key, spaces around it apart, is there twice."""
    counts = Counter(without_surrogates(name.strip()) for name in names)
    return f"two keys '{shown(counts.most_common(1)[0][0], _MOST_SHOWN)}'"


def _decoded(content: str) -> dict[str, object] | str:
    try:
        value = _decode(content)
        return value if isinstance(value, dict) else "JSON, but no object"
    except json.JSONDecodeError as error:
        return f"no valid JSON ({error.msg} at character {error.pos + 1})"
    except (ValueError, RecursionError):
        return "JSON nested too deep or with a number too long"


def _object(content: str) -> dict[str, Cell] | str:
    """Parse one line into cells; where it is no object, return what is wrong with it."""
    value = parsed_object(content)
    if isinstance(value, str):
        return value
    try:
        cells: dict[str, Cell] = {
            without_surrogates(key.strip()): json_cell(cell) for key, cell in value.items()
        }
    except (ValueError, RecursionError):
        return "JSON nested too deep or with a number too long"
    return cells if len(cells) == len(value) else two_keys(value)


def json_cell(value: object) -> str:
    """Make a cell of a JSON value: lists and objects stay JSON, null is empty."""
    if isinstance(value, str):
        return without_surrogates(value)
    if value is None:
        return ""
    if isinstance(value, dict | list):
        return without_surrogates(json.dumps(value, ensure_ascii=False))
    return str(value)


def _no_objects(name: str, malformed: list[Malformed], text: str) -> str:
    if text.lstrip().startswith("["):
        return f"'{name}' is one JSON array: write one object a line (JSON Lines)"
    if not malformed:
        return f"'{name}' holds no records: it is empty or blank"
    first = malformed[0]
    return f"'{name}' holds no JSON object; line {first.line}: {first.why}"
