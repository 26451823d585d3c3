"""Samples of whole groups that hold every label in proportion."""

import numpy as np
from numpy.typing import NDArray

from wordgate.split.assignment import GroupTable


def sample_groups(table: GroupTable, limit: int) -> NDArray[np.bool_]:
    """Choose groups that together hold a number of rows at most, and each label in proportion.

    Every label comes first with one group that fits, the rarest label before the others; then all
    labels grow at one pace. Within a label, groups are taken by rank, and one that doesn't fit any
    more is passed over.

    Args:
        table: The groups.
        limit: The most rows they may have.

    Returns:
        Which groups are chosen, bool [G].
    """
    chosen = np.zeros(len(table.rank), dtype=np.bool_)
    labels_of = _split_by(table.pair_group, table.pair_label)
    groups_of = _split_by(table.pair_label, table.pair_group, table.rank[table.pair_group])
    left, covered, sizes = limit, set[int](), table.size.tolist()
    rarest_first = np.argsort(np.bincount(table.label_of_row), kind="stable").tolist()
    by_label = ((group for group in groups_of.get(label, ()) if sizes[group] <= left)
                for label in rarest_first if label not in covered)  # fmt: skip
    for groups in by_label:
        group = next(groups, None)
        if group is not None:
            chosen[group] = True
            covered.update(labels_of[group])
            left -= sizes[group]
    for group in _at_one_pace(table):
        if not left:
            break
        if not chosen[group] and sizes[group] <= left:
            chosen[group] = True
            left -= sizes[group]
    return chosen


def _at_one_pace(table: GroupTable) -> list[int]:
    """Order groups so that all strata are used up at one pace, each of them by rank."""
    there = np.lexsort((table.rank, table.stratum))
    stratum, size = table.stratum[there], table.size[there]
    of_stratum = np.bincount(stratum, weights=size)
    before = np.cumsum(size) - size
    first = before[np.searchsorted(stratum, stratum)]
    middle = (before - first + size / 2) / of_stratum[stratum]
    order: list[int] = there[np.lexsort((table.rank[there], middle))].tolist()
    return order


def _split_by(
    keys: NDArray[np.int64], values: NDArray[np.int64], rank: NDArray[np.uint64] | None = None
) -> dict[int, list[int]]:
    """List the values of each key, by rank."""
    order = np.lexsort((values if rank is None else rank, keys))
    found: dict[int, list[int]] = {}
    for key, value in zip(keys[order].tolist(), values[order].tolist(), strict=True):
        found.setdefault(key, []).append(value)
    return found
