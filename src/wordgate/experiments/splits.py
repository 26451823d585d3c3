"""Training, validation and test rows of a table: one split, or the folds of a cross-validation."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from wordgate.bundle.metrics import SplitFacts
from wordgate.data import Table
from wordgate.data.dataset import Dataset, encode_labels, label_counts, labels_of
from wordgate.dedup.keys import group_keys
from wordgate.dedup.near_duplicates import LabelAgreement, NearDuplicates, find_near_duplicates
from wordgate.errors import DataError, near_miss
from wordgate.runtime.progress import Progress
from wordgate.settings import Settings
from wordgate.split.folds import grouped_folds, random_folds
from wordgate.split.leakage import ALIKE, MEMORY, TEMPLATES
from wordgate.split.row_labels import Labels
from wordgate.split.splits import Split, given_split, grouped_split, random_split
from wordgate.training.fitting import FitData
from wordgate.vectors.pretrained import PretrainedVectors


@dataclass(frozen=True)
class Fold:
    """Training, validation and test set of one fold, or of the only split.

    Attributes:
        labels: The labels by their numbers, sorted.
        train: The training set.
        valid: The validation set: early stopping, model selection, calibration.
        test: The test set, which only the fitted model sees.
        rows: int64 [n_test], positions of the test rows in the table.
        vocabulary_of: All rows, if the settings fit the vocabulary on them; else None.
    """

    labels: tuple[str, ...]
    train: Dataset
    valid: Dataset
    test: Dataset
    rows: NDArray[np.int64]
    vocabulary_of: Dataset | None

    def fit_data(self, vectors: PretrainedVectors | None) -> FitData:
        """Return the data to fit a model on, and its initial word vectors."""
        return FitData(self.train, self.valid, self.labels, self.vocabulary_of, vectors)


@dataclass(frozen=True)
class DataSplits(Fold):
    """The ordinary split of a table.

    Attributes:
        split: Positions of the rows in the table, and how they were split.
        copies: The near duplicates, by which groups are merged.
        agreement: Counts of test rows that are similar to training rows, and have their label.
        all_rows: All rows of the table as one data set.
    """

    split: Split
    copies: NearDuplicates
    agreement: LabelAgreement
    all_rows: Dataset

    def facts(self) -> SplitFacts:
        """Return sizes and leakage of the split."""
        split, copies, agreement = self.split, self.copies, self.agreement
        return SplitFacts(
            kind=split.kind,
            seed=split.seed,
            n_train=len(split.train),
            n_valid=len(split.valid),
            n_test=len(split.test),
            n_test_groups=split.n_test_groups,
            leaked_by_group=split.leaked_by_group,
            near_duplicates_in_train=int(copies.has_duplicate_in(split.test, split.train).sum()),
            known_in_train=int(copies.has_own_in(split.test, split.train).sum()),
            similar_in_train=agreement.rows,
            similar_with_label=agreement.agreeing,
            templated=agreement.is_templated,
            reason=split.reason,
            warnings=list(split.warnings),
        )

    def report(self, progress: Progress) -> None:
        """Report the sizes of the subsets and warnings; in detail, how the rows were split."""
        progress.say("\n".join([self.split.summary(), *self.split.warnings]))
        progress.detail(self.split.reason)


def split_table(
    table: Table, settings: Settings, seed: int, copies: NearDuplicates | None = None
) -> DataSplits:
    """Split a table by the settings, or by the subsets of the table itself.

    Near duplicates are detected in the texts without joined columns, so that a topic in front
    neither makes two texts similar nor hides a duplicate. (In the Kaggle tweets joined to their
    entities, without ids, 1,945 rows would be separated from the same tweet, and 520 groups instead
    of 370 would mix ids.)

    Groups with near duplicates of each other are merged first: a grouped split never separates
    them, other splits count them as leaks, and intervals resample them together.

    `copies` are the near duplicates, if they are already known.
    """
    labels = tuple(table.label_names())
    copies = copies or find_near_duplicates(table.bodies, table.groups)
    split = _split(table, copies, settings, seed)
    targets = encode_labels(table.row_labels() or (), labels)
    weights = None if table.weights is None else np.array(table.weights, np.float32)
    all_rows = Dataset(table.texts, targets, copies.joined.groups, weights=weights)
    agreement = copies.label_agreement(split.test, split.train, targets)
    known = copies.has_own_in(split.test, split.train)
    measured = MEMORY
    if not (known | copies.has_duplicate_in(split.test, split.train)).any():
        measured = ALIKE
    elif agreement.is_templated and agreement.rows > known.sum():
        measured = TEMPLATES
    warnings = tuple(line.replace(MEMORY, measured) for line in split.warnings)
    split = replace(split, warnings=warnings)
    train, valid, test = map(all_rows.part, (split.train, split.valid, split.test))
    _check_labels(labels, train, (valid, test))
    vocabulary = _vocabulary_of(all_rows, settings)
    return DataSplits(
        labels, train, valid, test, split.test, vocabulary, split, copies, agreement, all_rows
    )


def hold_out(
    dataset: Dataset,
    labels: Sequence[str],
    share: float,
    seed: int,
    kind: str = "grouped",
    *,
    stratify: bool = True,
) -> tuple[Dataset, Dataset]:
    """Hold out a fraction of a data set, as a split holds out its test set.

    Returns:
        The rest, and the held-out rows: whole groups, or single rows if `kind` is ``random``,
        stratified by label with `stratify`.
    """
    names = labels_of(dataset.targets, labels)
    split_rows = partial(random_split, stratify=stratify) if kind == "random" else grouped_split
    split = split_rows(
        dataset.texts, names, dataset.groups, test_size=share, valid_size=share, seed=seed
    )
    rest = np.sort(np.concatenate([split.train, split.valid]))
    return dataset.part(rest), dataset.part(split.test)


def _split(table: Table, copies: NearDuplicates, settings: Settings, seed: int) -> Split:
    rows = (table.texts, table.row_labels() or [], copies.joined.groups)
    test_size, valid_size = settings.test_size, settings.valid_size
    if table.parts is not None:
        return given_split(
            *rows, table.parts, test_size=test_size, valid_size=valid_size, seed=seed
        )
    if settings.split == "random":
        return random_split(
            *rows, test_size=test_size, valid_size=valid_size, seed=seed, stratify=settings.stratify
        )
    split = grouped_split(*rows, test_size=test_size, valid_size=valid_size, seed=seed)
    return replace(split, reason=f"{split.reason} {copies.sentence()}")


def _check_labels(labels: tuple[str, ...], train: Dataset, others: Sequence[Dataset]) -> None:
    *_, test = others
    if test.multilabel and not test.targets.any():
        raise DataError(
            f"none of the {len(test):,} test rows has a label, so F1 is undefined there: use other"
            " test rows"
        )
    learned = label_counts(train.targets, len(labels)) > 0
    missing = [label for label, known in zip(labels, learned.tolist(), strict=True) if not known]
    if missing:
        hint = near_miss(missing[0], [labels[number] for number in np.flatnonzero(learned)])
        keeps_rows = train.multilabel or all(
            label_counts(part.targets, len(labels))[learned].any() for part in others
        )
        raise DataError(
            f"no training row has the label '{missing[0]}', which occurs in validation or"
            f" test{f'{hint} Else' if hint else ';'} give it training rows"
            f"{_or_leave_out(missing, labels) if keeps_rows else ''}"
        )


def _or_leave_out(unwanted: Sequence[str], labels: Sequence[str]) -> str:
    """Return the advice to leave labels out, if at least two others remain."""
    if len(labels) - len(unwanted) < 2:
        return ""
    flags = " ".join(f"--drop-label {shlex.quote(label)}" for label in unwanted)
    return f", or leave it out with {flags}"


def make_folds(
    table: Table, splits: DataSplits, n_folds: int | None, settings: Settings, seed: int
) -> list[Fold]:
    """Assign all rows to folds, each to one test set, or return the only split as one fold.

    With `settings.split`, whole groups or single rows are assigned, the latter stratified with
    `settings.stratify`; of each fold's other rows, the fraction `valid_size` is for validation.
    """
    if n_folds is None:
        return [splits]
    rows, labels, names = splits.all_rows, splits.labels, table.row_labels() or []
    numbers = fold_numbers(rows, names, n_folds, settings, seed)
    _check_folds(numbers, rows.targets, labels)
    return [fold_of(rows, labels, numbers, n, settings, seed) for n in range(n_folds)]


def fold_numbers(
    rows: Dataset, names: Labels, n_folds: int, settings: Settings, seed: int
) -> NDArray[np.int64]:
    """Assign the rows of a data set to folds, int64 [n]; `names` are the labels of each row."""
    if settings.split == "random":
        return random_folds(rows.texts, names, n_folds, seed=seed, stratify=settings.stratify)
    return grouped_folds(group_keys(rows.texts, rows.groups), names, n_folds, seed=seed)


def fold_of(
    rows: Dataset,
    labels: tuple[str, ...],
    numbers: NDArray[np.int64],
    number: int,
    settings: Settings,
    seed: int,
) -> Fold:
    """Return one of the folds to which rows are assigned, int64 [n]: its rows are the test set."""
    test = np.flatnonzero(numbers == number)
    rest = rows.part(np.flatnonzero(numbers != number))
    train, valid = hold_out(
        rest, labels, settings.valid_size, seed, settings.split, stratify=settings.stratify
    )
    return Fold(labels, train, valid, rows.part(test), test, _vocabulary_of(rows, settings))


def _vocabulary_of(rows: Dataset, settings: Settings) -> Dataset | None:
    return rows if settings.text.vocabulary_from == "all" else None


def _check_folds(
    numbers: NDArray[np.int64], targets: NDArray[np.int64], labels: tuple[str, ...]
) -> None:
    """Raise a `DataError` if one fold has all rows of a label, so that it cannot be learned."""
    for target, label in enumerate(labels):
        has_label = targets == target if targets.ndim == 1 else targets[:, target] == 1
        if len(np.unique(numbers[has_label])) == 1:
            raise DataError(
                f"all rows of label '{label}' are in one fold, so the model that is tested there"
                f" cannot learn it; give it more groups{_or_leave_out([label], labels)}"
            )
