"""Leakage between the parts of a split, and sentences about its sizes and its leakage."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.runtime.display import counted
from wordgate.split.row_labels import RowLabels

_FEW_VALID_ROWS = 50  # choices made on fewer rows are mostly chance
_FEW_TEST_GROUPS = 100  # with fewer, an accuracy is uncertain by about 10 points either way
_FEW_ROWS = 10  # labels with fewer rows are named in a warning
_MOST_NAMED = 5  # labels in one warning
MEMORY = "the test score partly measures memorization"
"""The effect of leakage by groups of the data, or by duplicates with the same label."""
ALIKE = (
    "these groups were merged because of similar texts, and no test row has its text, its own group"
    " or a near duplicate there"
)
"""The meaning of leakage that is only due to groups merged by similarity."""
TEMPLATES = "they look like texts made from templates: the labels of near duplicates also differ"
"""The meaning of leakage by near duplicates whose labels agree little more than by chance."""


@dataclass(frozen=True)
class SplitParts:
    """Row positions of each part, int64, sorted and disjoint."""

    train: NDArray[np.int64]
    valid: NDArray[np.int64]
    test: NDArray[np.int64]


@dataclass(frozen=True)
class SplitLeakage:
    """Rows of one part whose group has rows in another.

    Attributes:
        test_rows_in_train: Test rows whose group is also in train.
        valid_rows_in_train: Validation rows whose group is also in train.
        test_rows_in_valid: Test rows whose group is also in validation.
        test_groups: Groups with a row in test.
        own_groups: Whether groups were given; otherwise groups are exact duplicates.
    """

    test_rows_in_train: int
    valid_rows_in_train: int
    test_rows_in_valid: int
    test_groups: int
    own_groups: bool

    @classmethod
    def between(
        cls, parts: SplitParts, group: NDArray[np.int64], *, own_groups: bool
    ) -> "SplitLeakage":
        """Count the rows of one part whose group, of int64 [rows], has rows in another."""
        train, valid, test = group[parts.train], group[parts.valid], group[parts.test]
        return cls(
            test_rows_in_train=int(np.isin(test, train).sum()),
            valid_rows_in_train=int(np.isin(valid, train).sum()),
            test_rows_in_valid=int(np.isin(test, valid).sum()),
            test_groups=len(np.unique(test)),
            own_groups=own_groups,
        )

    def sentence(self, n: int, of: int, part: str = "test", other: str = "training") -> str:
        """Return a clause with the number of rows of a part with leakage from another."""
        have, their = ("has", "its") if n == 1 else ("have", "their")
        shared = f"another row of {their} group" if self.own_groups else "an exact duplicate"
        return f"{n:,} of {of:,} {part} rows ({_percent(n, of)}) {have} {shared} in the {other} set"


def explain_split(kind: str, parts: SplitParts, leak: SplitLeakage, cut: Sequence[str]) -> str:
    """Describe a split: its kind, its leakage, and the sizes of the parts.

    `cut` are the parts that were not given and were split off train.
    """
    if kind == "grouped":
        by, copies, things = ("", "rows of a group", "groups")
        if not leak.own_groups:
            by, copies, things = (" by exact text", "duplicates of a text", "texts")
        how = (
            f"Grouped{by} and stratified by label: all {copies} are in one subset, so the test set"
            f" has only {things} that are not in the training set."
        )
        return f"{how} {_sizes(parts, leak)}"
    how = "Rows were assigned at random"
    if kind == "given":
        names = {"test": "test", "valid": "validation"}
        missing = " and ".join(names[part] for part in cut)
        how = "The subsets were given"
        if cut:
            how += f", but not {missing}, which was split off the training set in whole groups"
    leaked = leak.sentence(leak.test_rows_in_train, len(parts.test))
    return f"{how}: {leaked}. {_sizes(parts, leak)}"


def explain_fallback(labels: RowLabels, group: NDArray[np.int64]) -> str:
    """Explain why a split by groups, int64 [rows], was replaced by a random one."""
    pairs = np.unique(np.stack([labels.label, group[labels.row]], axis=1), axis=0)
    groups_of_label = np.bincount(pairs[:, 0], minlength=len(labels.names))
    single = [labels.names[i] for i in np.flatnonzero(groups_of_label == 1).tolist()]
    n_groups = len(np.unique(group))
    reason = "there is only 1 group" if n_groups == 1 else f"there are only {n_groups} groups"
    if single:
        each = " each" if len(single) > 1 else ""
        reason = f"all rows of {_labels(single)} are in a single group{each}"
    return (
        f"A grouped split is impossible here: {reason}, and each label needs one group for train "
        "and one for test. The rows were assigned at random instead, so the scores partly measure "
        "memorization of other rows of the same group."
    )


def leakage_warnings(leak: SplitLeakage, parts: SplitParts, kind: str) -> list[str]:
    """Warn of leakage between the parts."""
    if kind == "grouped":
        return []
    n_test, n_valid, given = len(parts.test), len(parts.valid), kind == "given"
    warnings = []
    if leak.test_rows_in_train:
        leaked = leak.sentence(leak.test_rows_in_train, n_test)
        warnings.append(f"{leaked}: {MEMORY}.")
    if given and leak.valid_rows_in_train:
        leaked = leak.sentence(leak.valid_rows_in_train, n_valid, "validation")
        warnings.append(f"{leaked}: training may stop too late.")
    if given and leak.test_rows_in_valid:
        leaked = leak.sentence(leak.test_rows_in_valid, n_test, other="validation")
        warnings.append(f"{leaked}, which decides when training stops.")
    return warnings


def scarcity_warnings(
    parts: SplitParts, labels: RowLabels, leak: SplitLeakage, *, given: bool
) -> list[str]:
    """Warn of labels and parts that are too small for reliable scores.

    Frequent labels without validation rows are named if the parts were given.
    """
    label_names = labels.names
    train, valid, test = map(labels.counts, (parts.train, parts.valid, parts.test))
    total = train + valid + test
    scarce = np.flatnonzero((total < _FEW_ROWS) & (test > 0))
    warnings = [
        f"Label '{label_names[i]}' has {counted(total[i], 'row')} ({train[i]} train, {valid[i]}"
        f" validation, {test[i]} test): its precision, recall and F1 are unreliable."
        for i in scarce[:_MOST_NAMED].tolist()
    ]
    if len(scarce) > _MOST_NAMED:
        warnings.append(f"The same holds for {counted(len(scarce) - _MOST_NAMED, 'more label')}.")
    if (train == 0).any():
        names = _labels([label_names[i] for i in np.flatnonzero(train == 0).tolist()])
        it = "it" if (train == 0).sum() == 1 else "them"
        warnings.append(f"No training row for {names}: the model cannot predict {it}.")
    if (test == 0).any():
        names = _labels([label_names[i] for i in np.flatnonzero(test == 0).tolist()])
        its = "its" if (test == 0).sum() == 1 else "their"
        warnings.append(f"No test row for {names}: {its} recall is unknown.")
    unvalidated = (valid == 0) & (train > 0) & (total >= _FEW_ROWS)
    if given and len(parts.valid) and unvalidated.any():
        names = _labels([label_names[i] for i in np.flatnonzero(unvalidated).tolist()])
        it = "it" if unvalidated.sum() == 1 else "them"
        warnings.append(
            f"No validation row for {names}: early stopping, calibration and other choices on"
            f" validation rows do not consider {it}."
        )
    if not len(parts.valid):
        warnings.append("There are no validation rows: early stopping is not possible.")
    elif len(parts.valid) < _FEW_VALID_ROWS:
        warnings.append(
            f"There {'is' if len(parts.valid) == 1 else 'are'} only"
            f" {counted(len(parts.valid), 'validation row')}: choices made on them, such as"
            " regularization, calibration and thresholds, are unreliable."
        )
    if leak.test_groups < _FEW_TEST_GROUPS:
        points = round(98 / max(1, leak.test_groups) ** 0.5)
        things = counted(leak.test_groups, "group" if leak.own_groups else "distinct text")
        warnings.append(
            f"The test set has only {things}: scores on it can be off by "
            f"{points} points in either direction."
        )
    return warnings


def _sizes(parts: SplitParts, leak: SplitLeakage) -> str:
    rest = len(parts.train) + len(parts.valid)
    things = counted(leak.test_groups, "group" if leak.own_groups else "distinct text")
    return (
        f"The training set has {counted(len(parts.train), 'row')}, validation {len(parts.valid):,} "
        f"({_percent(len(parts.valid), rest)} of the rest), test {len(parts.test):,} "
        f"({_percent(len(parts.test), rest + len(parts.test))}) in {things}."
    )


def _percent(part: int, whole: int) -> str:
    return f"{part / max(1, whole):.1%}"


def _labels(names: Sequence[str]) -> str:
    """List labels: ``label 'a'``, ``labels 'a' and 'b'``, or five and the number of others."""
    quoted = [f"'{name}'" for name in names[:_MOST_NAMED]]
    if len(names) > _MOST_NAMED:
        quoted.append(f"{len(names) - _MOST_NAMED} more")
    if len(quoted) == 1:
        return f"label {quoted[0]}"
    return f"labels {', '.join(quoted[:-1])} and {quoted[-1]}"
