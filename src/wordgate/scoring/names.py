"""Names of columns that don't collide, with each other or with what is there."""

from collections.abc import Iterable, Sequence

PREFIX = "predicted_"


def own_names(names: Sequence[str] | None, width: int) -> list[str]:
    """Give each column a name of its own.

    Args:
        names: The names there are, some perhaps empty or twice; None without a header.
        width: How many columns there are.

    Returns:
        The names; ``column_3`` where there was none, ``text_2`` where one stood before.
    """
    chosen: list[str] = []
    taken: set[str] = set()
    next_numbers: dict[str, int] = {}  # where to go on, or many equal names would take for ever
    for number in range(width):
        name = (names[number] if names else "") or f"column_{number + 1}"
        chosen.append(_numbered(name, taken, next_numbers))
        taken.add(_folded(chosen[-1]))
    return chosen


def added_names(labels: Iterable[str]) -> list[str]:
    """Name the columns that a model adds, if nothing is in their way.

    Returns:
        ``label``, ``probability``, one for each label, and ``error``.
    """
    return ["label", "probability", *(f"probability_{label}" for label in labels), "error"]


def without_collisions(wanted: Sequence[str], there: Iterable[str]) -> list[str]:
    """Give other names to columns whose names are taken, in whatever case.

    Args:
        wanted: The names of new columns.
        there: Names that are taken.

    Returns:
        The names, in order: ``predicted_label`` where ``label`` is taken, then ``label_2``.
    """
    taken, chosen = {_folded(name) for name in there}, []
    for name in wanted:
        free = name
        if _folded(free) in taken:
            free = PREFIX + name
        if _folded(free) in taken:
            free = _numbered(name, taken)
        taken.add(_folded(free))
        chosen.append(free)
    return chosen


def _numbered(name: str, taken: set[str], next_numbers: dict[str, int] | None = None) -> str:
    """Give the name, or the name with the first number from 2 that is free."""
    counted = {} if next_numbers is None else next_numbers
    free, key = name, _folded(name)
    while _folded(free) in taken:
        number = counted.get(key, 2)
        free, counted[key] = f"{name}_{number}", number + 1
    return free


def _folded(name: str) -> str:
    return name.strip().casefold()
