"""Reading the data of an experiment: labeled rows of one or several sources."""

import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Any, Literal, TypedDict, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from wordgate.arguments import option_name, whole_number
from wordgate.data import ColumnError, Columns, ReadReport, Table, read_table
from wordgate.data.label_sets import NO_SEPARATOR
from wordgate.data.read import has_dropped, nothing_dropped
from wordgate.data.table import own_group
from wordgate.dedup.keys import Factorized, group_keys, hash_strings, normalized
from wordgate.dedup.near_duplicates import NearDuplicates, find_near_duplicates
from wordgate.errors import DataError, SettingsError, did_you_mean
from wordgate.experiments.resolving import refuse_idle_sizes, with_options
from wordgate.runtime.display import counted, shown
from wordgate.runtime.progress import Progress, stage
from wordgate.settings import Settings, setting_fields
from wordgate.split.assignment import GroupTable
from wordgate.storage.remote import display_url, url_of
from wordgate.storage.strings import StringArray

_Value = TypeVar("_Value")

_FEW_GROUPS = 10  # fewer could hardly be split
_OUT_OF_PROPORTION = 0.1  # maximum excess of a label in a sample of whole groups, of its size


class TableOptions(TypedDict, total=False):
    """Options of reading a table; whatever is left out is inferred and reported.

    Attributes:
        text: The column of the texts, by name or number. Several, in a list or with commas
            between, are joined as in ``entity | text``; the last is the text itself.
        label: The column of the labels. Several, in a list or with commas between, are columns of
            0 and 1, one for each label, of which a text may have several.
        group: The column of the groups; ``none`` for no groups.
        drop_labels: Labels whose rows are left out; where a text has several labels, the label
            alone.
        encoding: The file's encoding.
        label_separator: What stands between the labels of a cell, such as ``;``, where a text has
            several; ``none`` for one label per text.
    """

    text: Columns | None
    label: Columns | None
    group: str | None
    drop_labels: Sequence[str]
    encoding: str | None
    label_separator: str | None


class ReadingOptions(TableOptions, total=False):
    """Options of reading labeled texts: those of `TableOptions`, and how many to keep.

    Attributes:
        limit: Keep this many rows at most: see `limit_rows`.
    """

    limit: int | None


class DataOptions(ReadingOptions, total=False):
    """Options of labeled texts to train on, and of their parts.

    Attributes:
        split: ``grouped`` or ``random``; None for the value of the recipe.
        test_size: The fraction of rows for the test set; None for the value of the recipe.
        valid: A file with the same columns for validation.
        test: A file with the same columns for testing.
        split_column: A column that contains ``train``, ``valid`` or ``test``.
        weight: A column of numbers: how much each text counts in training. Scores count every text
            once.
    """

    split: Literal["grouped", "random"] | None
    test_size: float | None
    valid: str | Path | None
    test: str | Path | None
    split_column: str | None
    weight: str | None


def table_options(options: ReadingOptions, others: Collection[str] = ("limit",)) -> TableOptions:
    """Select the options of reading a table.

    Raises:
        TypeError: There is an option of another name.
    """
    known = TableOptions.__optional_keys__
    _refuse_unknown(options, {*known, *others})
    return cast(TableOptions, {name: value for name, value in options.items() if name in known})


def _refuse_unknown(options: Mapping[str, object], known: Collection[str]) -> None:
    for name in options:
        if name not in known:
            hint = did_you_mean(name, sorted(known))
            raise TypeError(f"unexpected keyword argument {name!r}{hint}")


def settings_called(name: str) -> list[str]:
    """Return the settings with a name, such as `lstm.epochs` and `mlp.epochs` for ``epochs``."""
    return [setting for setting in setting_fields() if f".{setting}".endswith(f".{name}")]


@dataclass(frozen=True)
class Sources:
    """Rows to train on, and how they were read.

    Attributes:
        table: The rows of all sources, with their `parts` if there are several.
        others: How the files of validation and test were read, by part.
    """

    table: Table
    others: Mapping[str, ReadReport]

    def lines(self) -> list[str]:
        """Describe what was read, what was inferred and why."""
        lines = self.table.reading.lines()
        for part, reading in self.others.items():
            lines += ["", f"for {part}:", *reading.lines()]
        return lines

    def summary(self) -> list[str]:
        """Describe briefly what was read."""
        table = self.table
        several = table.label_sets is not None
        lines = table.reading.summary(len(table.label_names()), several=several)
        for part, reading in self.others.items():
            first, _, *unusual = reading.summary()
            lines += [f"{part}: {first}", *unusual]
        return lines

    def report(self, progress: Progress, remarks: Sequence[str] = ()) -> None:
        """Describe what was read, then the remarks; in detail, what was inferred and why."""
        progress.say("\n".join([*self.summary(), *remarks]))
        progress.detail("\n".join(["", *self.lines()]))

    def facts(self) -> dict[str, object]:
        """Return how the data was read as JSON values, without texts of the data."""
        readings = {part: reading.to_json() for part, reading in self.others.items()}
        facts = self.table.reading.to_json()
        for reading in (facts, *readings.values()):
            del reading["preview"]
        return {**facts, "others": readings} if readings else facts


def called(data: Any) -> str:
    """Return the name of a data source for messages: a file, a data set, or a type."""
    if isinstance(data, str | os.PathLike):
        url = url_of(data)
        return shown(os.fspath(data) if url is None else display_url(url), 200)
    return f"a {type(data).__name__}"


@dataclass(frozen=True)
class DataSource:
    """A source of labeled texts for training.

    Attributes:
        data: A file, the name of a data set, or a frame.
        options: Options of reading and splitting it.
        unlabelled: Files of unlabeled texts.
        seed: Random seed of the sample with a limit.
    """

    data: Any
    options: DataOptions
    unlabelled: Sequence[str] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        for name in self.options.keys() - DataOptions.__optional_keys__:
            if found := settings_called(name):
                example = next((one for one in (name, f"lstm.{name}") if one in found), found[0])
                raise TypeError(
                    f"unexpected keyword argument {name!r}: settings are given together, as in"
                    f" settings={{'{example}': ...}}"
                )
        _refuse_unknown(self.options, DataOptions.__optional_keys__)
        split, parts = self.options.get("split"), self._parts()
        if split is not None and parts:
            named = " and ".join(map(option_name, parts))
            raise SettingsError(f"--split {split} has no effect with {named}: leave it out")

    def _parts(self) -> dict[str, str | Path]:
        """Return the options by which the data itself defines the subsets."""
        parts = {name: self.options.get(name) for name in ("valid", "test", "split_column")}
        return {name: cast(str | Path, value) for name, value in parts.items() if value is not None}

    @property
    def names_parts(self) -> bool:
        """Whether the data itself defines the subsets."""
        return bool(self._parts())

    def overrides(
        self, settings: Mapping[str, object] | None, **options: object
    ) -> dict[str, object]:
        """Add split, test size and other options to settings; refuse those without effect."""
        split, test_size = self.options.get("split"), self.options.get("test_size")
        if test_size is not None and self.options.get("test") is not None:
            raise SettingsError(f"--test-size {test_size} has no effect with --test: leave it out")
        return with_options(settings, split=split, test_size=test_size, **options)

    def read(
        self,
        settings: Settings,
        overrides: Mapping[str, object],
        progress: Progress,
        *,
        grouped: bool | None = None,
        remarks: Sequence[str] = (),
    ) -> Sources:
        """Read and report the rows, then the remarks; refuse settings without effect on this data.

        `grouped` is whether the split is grouped; None for the value of the settings.
        """
        with stage(progress, f"Reading {called(self.data)}"):
            sources = self.sources(settings.empty_text_as)
        sources.report(progress, remarks)
        grouped = settings.split == "grouped" if grouped is None else grouped
        refuse_idle_sizes(overrides, sources.table.parts, grouped=grouped)
        return sources

    def sources(self, empty_text_as: str | None = None) -> Sources:
        """Read the data and its validation and test files.

        The other files are read with the same columns as the data, so that groups have the same
        meaning and leaks are detected. Rows with an empty text are left out, unless `empty_text_as`
        replaces it.
        """
        files = self._parts()
        split_column = files.pop("split_column", None)
        if split_column is not None and files:
            raise SettingsError(
                "--split-column already assigns rows to subsets; leave out --valid and --test"
            )
        further = DataOptions.__optional_keys__ - TableOptions.__optional_keys__
        like, limit = table_options(self.options, further), self.options.get("limit")
        table = read_table(
            self.data,
            split_column=self.options.get("split_column"),
            empty_text_as=empty_text_as,
            weight=self.options.get("weight"),
            **like,
        )
        separator = (like.get("label_separator") or "").strip().lower()
        if separator == NO_SEPARATOR and table.label_sets is not None:
            raise DataError(
                f"a label separator has no effect here: {called(self.data)} has lists of labels, or"
                " a column for each label; leave it out"
            )
        others = {
            part: _read_like(table, file, empty_text_as, like).with_labels_of(table.label_names())
            for part, file in files.items()
        }
        table = limit_rows(table, limit, self.seed)
        others = {part: limit_rows(other, limit, self.seed) for part, other in others.items()}
        if not others:
            return Sources(table, {})
        to_drop = like.get("drop_labels", ())
        elsewhere = {
            nothing_dropped(label)
            for label in ([to_drop] if isinstance(to_drop, str) else to_drop)
            if any(has_dropped(other.reading, label) for other in others.values())
        }
        warnings = [one for one in table.reading.warnings if one not in elsewhere]
        table = replace(table, reading=replace(table.reading, warnings=warnings))
        joined = _joined({"train": table, **others})
        return Sources(joined, {part: other.reading for part, other in others.items()})


def _read_like(
    table: Table, file: str | Path, empty_text_as: str | None, options: TableOptions
) -> Table:
    """Read a file with the columns of a table; it may lack a group column that was inferred."""
    like = options.copy()
    like["text"], like["label"] = column_flags(table, "text"), column_flags(table, "label")
    like["group"] = column_flag(table, "group")
    like["label_separator"] = None
    separator = NO_SEPARATOR if table.label_sets is None else table.label_separator

    def read() -> Table:
        try:
            return read_table(
                file,
                min_labels=1,
                drop_if_there=True,
                empty_text_as=empty_text_as,
                usual_separator=separator,
                **like,
            )
        except ColumnError as error:
            roles = ("text", "label", "group")
            columns = ", ".join(name for role in roles for name in column_flags(table, role))
            raise DataError(
                f"{error}\n'{called(file)}' is read with the columns of the training rows"
                f" ({columns}): use the same names in its header"
            ) from error

    try:
        other = read()
    except DataError:
        if options.get("group") is not None or table.groups is None:
            raise
        like["group"] = "none"
        other = read()
    if (other.label_sets is None) != (table.label_sets is None):
        labels, of_training = "one label per text", "several"
        if other.label_sets is not None:
            labels, of_training = "several labels per text", "one"
        raise DataError(
            f"'{called(file)}' has {labels}, and the training rows have {of_training}: write the"
            " labels of both in the same form"
        )
    return other


def near_duplicates_of(table: Table, progress: Progress) -> NearDuplicates:
    """Find the near duplicates among the texts of a table, and report the progress."""
    with stage(progress, f"Finding near duplicates among {counted(len(table), 'text')}"):
        return find_near_duplicates(table.bodies, table.groups)


def limit_rows(table: Table, limit: int | None, seed: int) -> Table:
    """Sample whole groups of a table, stratified by label and subset.

    The sample depends on the names of the groups and the seed, not on the order of rows, so that a
    group in two files is usually in both samples or in none. If groups are too large, single rows
    are sampled. `reading` counts the rows left out.

    Raises:
        DataError: The limit is less than 1, or too low to keep rows of every subset.
    """
    if limit is None:
        return table
    limit = whole_number(limit, "the limit", "a whole number of at least 1", error=DataError)
    if len(table) <= limit:
        return table
    strata = Factorized.of([*map(repr, zip(*_strata(table), strict=True))])
    kept, how = _sampled(table, strata, limit, seed)
    reason = f"over the limit of {limit:,}: sampled with seed {seed}, {how}"
    chosen = table.select(np.flatnonzero(kept))
    if set(chosen.parts or ()) != set(table.parts or ()):
        raise DataError(
            f"the limit of {counted(limit, 'row')} is too low to keep rows of every subset"
        )
    warnings = table.reading.warnings
    if len(np.unique(strata.codes[kept])) < len(strata.names):
        warnings = [
            *warnings,
            f"the limit of {counted(limit, 'row')} is too low to keep every label",
        ]
    reading = replace(
        table.reading,
        n_kept=int(kept.sum()),
        dropped={**table.reading.dropped, reason: int((~kept).sum())},
        warnings=warnings,
    )
    return replace(chosen, reading=replace(reading, preview=chosen.preview()))


def _sampled(
    table: Table, strata: Factorized, limit: int, seed: int
) -> tuple[NDArray[np.bool_], str]:
    """Choose rows, bool [n], and describe how: whole groups, unless these are too large."""
    group = Factorized.of(group_keys(table.bodies, table.groups))

    def sample(codes: NDArray[np.int64], names: Sequence[str]) -> NDArray[np.bool_]:
        rank = hash_strings(names, key=f"limit {seed}")
        return GroupTable.of(codes, strata.codes, rank).sample(limit)[codes]

    def excess(rows: NDArray[np.bool_]) -> float:
        n_all, n_kept = (np.bincount(codes) for codes in (strata.codes, strata.codes[rows]))
        return float((n_kept - limit * n_all[: len(n_kept)] / len(table)).max())

    whole = sample(group.codes, group.names)
    single = sample(np.arange(len(table)), table.bodies)
    n_groups, n_strata = (len(np.unique(one.codes[whole])) for one in (group, strata))
    if (
        n_groups < min(_FEW_GROUPS, limit, len(group.names))
        or 2 * whole.sum() < limit
        or n_strata < min(limit, len(strata.names))
        or excess(whole) > excess(single) + _OUT_OF_PROPORTION * limit
    ):
        return single, "row by row, because the groups are too large"
    named = table.groups is not None
    return whole, "by whole groups" if named else "keeping duplicates together"


def _strata(table: Table) -> list[Sequence[str]]:
    nothing = [""] * len(table)
    labels = table.labels if table.label_sets is None else _rarest_labels(table.label_sets)
    return [labels or nothing, table.parts or nothing]


def _rarest_labels(sets: Sequence[tuple[str, ...]]) -> list[str]:
    """Return the rarest label of each row, "" without labels; stratifies by all labels."""
    counts = Counter(label for one in sets for label in one)
    return [min(one, key=lambda label: (counts[label], label), default="") for one in sets]


def column_flag(table: Table, role: str) -> str:
    """Return the name or number of the column of a role, ``none`` without one."""
    columns = column_flags(table, role)
    return columns[0] if columns else "none"


def column_flags(table: Table, role: str) -> list[str]:
    """Return the names or numbers of the columns of a role."""
    choice = table.reading.choice(role)
    return [] if choice is None else [column.flag() for column in choice.columns]


def _joined(tables: Mapping[str, Table]) -> Table:
    every = tables.values()
    texts = StringArray.of(chain.from_iterable(table.texts for table in every))
    bodies = texts
    if any(table.bodies is not table.texts for table in every):
        bodies = StringArray.of(chain.from_iterable(table.bodies for table in every))
    return replace(
        tables["train"],
        texts=texts,
        bodies=bodies,
        labels=_stacked(table.labels for table in tables.values()),
        label_sets=_stacked(table.label_sets for table in tables.values()),
        weights=_joined_weights(tables),
        groups=_joined_groups(tables),
        rows=[row for table in tables.values() for row in table.rows],
        parts=[part for part, table in tables.items() for _ in range(len(table))],
    )


def _stacked(columns: Iterable[list[_Value] | None]) -> list[_Value] | None:
    present = [column for column in columns if column is not None]
    return [*chain.from_iterable(present)] if present else None


def _joined_weights(tables: Mapping[str, Table]) -> list[float] | None:
    """Concatenate the weights of the training rows and 1 for all others, which are not used."""
    weights = tables["train"].weights
    if weights is None:
        return None
    return weights + [1.0] * (sum(map(len, tables.values())) - len(weights))


def _joined_groups(tables: Mapping[str, Table]) -> list[str] | None:
    """Concatenate the groups; the same name is the same group in every table.

    A row of another file without a group is in the group of a training row with the same text.
    """
    train = tables["train"]
    if train.groups is None:
        return None
    of_text = dict(zip(map(normalized, train.bodies), train.groups, strict=True))
    groups = list(train.groups)
    for part, table in tables.items():
        if table is train:
            continue
        names = table.named_groups() or [""] * len(table)
        rows = zip(names, table.bodies, table.rows, strict=True)
        groups += [
            name or of_text.get(normalized(body), f"{part} {own_group(row)}")
            for name, body, row in rows
        ]
    return groups
