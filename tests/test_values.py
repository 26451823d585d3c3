"""Columns handed over in Python mean the same in every call."""

import decimal
import enum

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import wordgate
from wordgate import DataError, GroupedSplit, WordgateClassifier
from wordgate.data import read_table
from wordgate.experiments.audit import audit
from wordgate.tables.values import checked_column, checked_groups, checked_texts

TEXTS = [f"a {'fine' if i % 2 else 'broken'} lamp {i}" for i in range(40)]
LABELS = ["ok" if i % 2 else "no" for i in range(40)]


class HubDataset:
    """Columns by name and rows by number, as the package `datasets` has them."""

    def __init__(self, columns):
        self.columns_by_name = columns
        self.column_names = list(columns)

    def __getitem__(self, key):
        if isinstance(key, str):
            return self.columns_by_name[key]
        return {name: column[key] for name, column in self.columns_by_name.items()}

    def __iter__(self):
        return map(self.__getitem__, range(len(next(iter(self.columns_by_name.values())))))


FORMS = {
    "list": list,
    "tuple": tuple,
    "iterator": iter,
    "array": np.array,
    "array of objects": lambda values: np.array(values, object),
    "array of one column": lambda values: np.array(values)[:, None],
    "pandas Series": pd.Series,
    "pandas categories": lambda values: pd.Series(values, dtype="category"),
    "pandas Index": pd.Index,
    "pandas frame": lambda values: pd.DataFrame({"any": values}),
    "pandas frame of its own names": lambda values: pd.DataFrame(values),
    "polars Series": pl.Series,
    "polars frame": lambda values: pl.DataFrame({"any": values}),
    "Arrow array": pa.array,
    "Arrow table": lambda values: pa.table({"any": values}),
    "mapping": lambda values: {"any": values},
    "mapping of an array": lambda values: {0: np.array(values)},
    "data set": lambda values: HubDataset({"any": values}),
    "structured array": lambda values: np.array(
        [(value,) for value in values], [("any", np.array(values).dtype)]
    ),
    "data sets of one part": lambda values: {"train": HubDataset({"any": values})},
}
forms = pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)


@forms
def test_a_column_is_its_values_in_any_form(form):
    assert checked_texts(form(TEXTS)) == TEXTS
    assert checked_groups(form(LABELS), 40) == LABELS
    assert checked_column(form(list(range(9))), "labels") == list(range(9))


def came_to(form, predictor):
    """Predict, split and fit with columns of a form; give what came of each."""
    columns = [(form(TEXTS), form(LABELS), form(TEXTS)) for _ in range(2)]
    folds = [test.tolist() for _, test in GroupedSplit(4).split(*columns[0])]
    fitted = WordgateClassifier(model="count").fit(*columns[1]).predict_proba(form(TEXTS))
    return predictor.predict(form(TEXTS)), folds, fitted.tolist()


@pytest.fixture(scope="module")
def predictor(count_model):
    return wordgate.load(count_model.folder)


@pytest.fixture(scope="module")
def came_to_with_lists(predictor):
    return came_to(list, predictor)


@forms
def test_predictor_estimator_and_folds_take_any_form(form, predictor, came_to_with_lists):
    assert came_to(form, predictor) == came_to_with_lists


def test_one_string_is_one_text(predictor):
    text = "We love this lamp"
    assert predictor.predict(text) == predictor.predict([text]) == ["good"]
    assert (predictor.predict_proba(np.array(text)) == predictor.predict_proba([text])).all()
    classifier = WordgateClassifier(model="count").fit(TEXTS, LABELS)
    assert classifier.predict("a fine lamp").tolist() == ["ok"]
    assert classifier.predict_proba("a fine lamp").shape == (1, 2)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (None, "a list of texts is needed, not None"),
        (7, "a list of texts is needed, not 7"),
        (b"abc", "a list of texts is needed, not b'abc'"),
        ({"a"}, "a list of texts is needed, not {'a'}, which has no order"),
        (np.array([["a", "b"]] * 3), "a column of texts is needed, not an array of 3 x 2 values"),
        (
            {"text": ["a"], "label": ["b"]},
            "a column of texts is needed, not the 2 columns of a dict (text, label): give one of"
            " them, such as data['text']",
        ),
        (
            pd.DataFrame({"text": ["a"], "label": ["b"]}),
            "a column of texts is needed, not the 2 columns of a DataFrame (text, label): give one"
            " of them, such as data['text']",
        ),
        ({}, "a column of texts is needed, not the 0 columns of a dict: give one of them, such as"),
        (HubDataset({"text": ["a"], "label": [0]}), "a column of texts is needed, not the 2 colum"),
        ([{"text": "a"}], "text 1 of 1 is {'text': 'a'} (dict), not a string"),
        (["a", None], "text 2 of 2 is None (NoneType), not a string"),
        (pl.LazyFrame({"text": ["a"]}), "this data frame is lazy: collect() it first"),
    ],
)
def test_anything_but_a_column_of_texts_is_refused_by_name(values, message):
    with pytest.raises(DataError) as caught:
        checked_texts(values)
    assert str(caught.value).startswith(message)


class Verdict(str, enum.Enum):
    """Labels as the code of many servers has them."""

    OK = "ok"
    NO = "no"


def test_members_of_an_enumeration_of_strings_are_their_values():
    members = [Verdict(label) for label in LABELS]
    classifier = WordgateClassifier(model="count", class_weight={Verdict.OK: 2.0})
    fitted = classifier.fit(TEXTS, members)
    assert fitted.classes_.tolist() == ["no", "ok"]
    assert fitted.score(TEXTS, members) == fitted.score(TEXTS, LABELS) == 1.0
    frame = pd.DataFrame({"text": TEXTS, "label": members})
    assert read_table(frame).labels == LABELS
    assert set(read_table(frame, drop_labels=[Verdict.OK], min_labels=1).labels) == {"no"}


@pytest.mark.parametrize(
    "form",
    [
        list,
        pl.Series,
        pa.array,
        pd.Series,
        lambda rows: pd.Series(rows, dtype=pd.ArrowDtype(pa.list_(pa.string()))),
    ],
)
def test_lists_of_labels_may_stand_in_a_column_of_any_kind(form):
    rows = [["ok"] if i % 3 else ["ok", "no"] for i in range(40)]
    fitted = WordgateClassifier(model="count").fit(TEXTS, form(rows))
    assert fitted.classes_.tolist() == ["no", "ok"]
    assert fitted.score(TEXTS, form(rows)) == fitted.score(TEXTS, rows)


@pytest.mark.parametrize("labels", ["ok", b"ok", 3])
def test_anything_but_a_column_of_labels_is_refused(labels):
    for call in (WordgateClassifier(model="count").fit, lambda *a: list(GroupedSplit(4).split(*a))):
        with pytest.raises(DataError, match=r"^a (list|column) of labels is needed, not "):
            call(TEXTS, labels)


def test_two_columns_of_labels_are_columns_of_zero_and_one():
    columns = {"a": LABELS, "b": LABELS}
    with pytest.raises(DataError, match=r"^2 columns of labels do not contain numbers: each such"):
        WordgateClassifier(model="count").fit(TEXTS, columns)
    marks = {"a": [0, 1, 2, 1] * 10, "b": [1, 0] * 20}
    with pytest.raises(DataError, match=r"^the labels contain 2 in row 3, column 'a': each such"):
        WordgateClassifier(model="count").fit(TEXTS, marks)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([1, "a"] * 20, "the labels cannot be sorted"),
        ([1, "1", "2", "2"] * 10, "the labels cannot be sorted"),
        (["", "a"] * 20, "label 1 of 40 is '', which is not a label"),
        (["a", " \t"] * 20, "label 2 of 40 is ' \\t', which is not a label"),
        (np.ma.array([1, 2] * 20, mask=[0, 0, 1] + [0] * 37), "label 3 of 40 is masked, which is"),
    ],
)
def test_labels_that_are_none_or_of_mixed_types_are_refused(labels, message):
    with pytest.raises(DataError) as caught:
        WordgateClassifier(model="count").fit(TEXTS, labels)
    assert str(caught.value).startswith(message)


MISSING = ["nan", "NaN", "None", "<NA>", "NaT", "null", "NULL",
           None, float("nan"), pd.NaT, pd.NA, np.datetime64("NaT"), decimal.Decimal("nan"),
           decimal.Decimal("snan"), np.ma.masked, "", " \t"]  # fmt: skip


@pytest.mark.parametrize("missing", MISSING, ids=repr)
def test_rows_without_a_group_are_each_their_own(missing):
    groups = [missing] * 20 + list(range(20))
    assert checked_groups(groups, 40) == [""] * 20 + list(map(str, range(20)))
    for joined in (False, True):
        words = [" ".join(f"w{i * 7 % 41}x{k}" for k in range(6)) for i in range(40)]
        splitter = GroupedSplit(4, merge_duplicates=joined)
        sizes = [len(test) for _, test in splitter.split(words, LABELS, groups)]
        assert sizes == [10] * 4


@pytest.mark.parametrize(
    ("one", "other"),
    [(7, 7.0), ("7", np.float32(7)), (decimal.Decimal("7.0"), "7"), ("caf\u00e9", "cafe\u0301"),
     (" a", "a "), (-3, "-3.0")],
)  # fmt: skip
def test_groups_that_are_the_same_have_one_name(one, other):
    first, second = checked_groups([one, other], 2)
    assert first == second != ""


def test_ids_that_a_file_writes_as_fractions_are_those_of_another_file(tmp_path):
    """Pandas writes whole numbers so where one is missing."""
    rows = {"text": TEXTS, "label": LABELS}
    train = pd.DataFrame({**rows, "id": [i // 4 for i in range(40)]})
    test = pd.DataFrame({**rows, "id": [None, *(float(i // 4) for i in range(1, 40))]})
    test.to_csv(tmp_path / "test.csv", index=False)
    for data in (tmp_path / "test.csv", test):
        read = read_table(data, group="id")
        assert read.groups[1:] == read_table(train, group="id").groups[1:]


@pytest.mark.parametrize("missing", [None, float("nan"), pd.NaT, pd.NA, " "], ids=repr)
@pytest.mark.parametrize("frame", [pd.DataFrame, dict, HubDataset])
def test_rows_of_a_frame_without_a_group_are_each_their_own(frame, missing):
    groups = np.array([missing] * 20 + [f"g{i}" for i in range(20)], object)
    data = frame({"text": TEXTS, "label": LABELS, "id": groups})
    assert len(set(read_table(data, group="id").groups)) == 40


@pytest.mark.parametrize("missing", ["", " ", "NaN", "nan", "None", "NULL", "null", "<NA>", "NaT"])
def test_rows_of_a_file_without_a_group_are_each_their_own(tmp_path, missing):
    rows = [(text, LABELS[i], missing if i < 20 else f"g{i}") for i, text in enumerate(TEXTS)]
    frame = pd.DataFrame(rows, columns=["text", "label", "id"])
    frame.to_csv(tmp_path / "a.csv", index=False)
    frame.to_json(tmp_path / "a.jsonl", orient="records", lines=True)
    frame.to_parquet(tmp_path / "a.parquet")
    for name in ("a.csv", "a.jsonl", "a.parquet"):
        table = read_table(tmp_path / name, group="id")
        assert len(set(table.groups)) == 40
        assert table.reading.warnings == ["20 rows have no group: each is a group of its own"]


@pytest.mark.parametrize("missing", ["null", "NaN"])
def test_a_missing_group_of_json_is_no_group(tmp_path, missing):
    lines = [
        f'{{"text": "{text}", "label": "{LABELS[i]}", "id": {missing if i < 20 else i}}}\n'
        for i, text in enumerate(TEXTS)
    ]
    (tmp_path / "a.jsonl").write_text("".join(lines))
    assert len(set(read_table(tmp_path / "a.jsonl", group="id").groups)) == 40


def test_an_estimator_holds_out_few_of_the_rows_without_a_group():
    """As one group, the 20 would all be held out or all be learned."""
    classifier = WordgateClassifier(model="count")
    by_none = classifier.fit(TEXTS, LABELS, [None] * 40).predict_proba(TEXTS)
    by_copies = classifier.fit(TEXTS, LABELS).predict_proba(TEXTS)
    assert (by_none == by_copies).all()
    assert classifier.fit(TEXTS, LABELS, [None] * 40)._bundle.fingerprints.groups.size == 0


TABLES = {
    "mapping": dict,
    "mapping of arrays": lambda columns: {name: np.array(c) for name, c in columns.items()},
    "data set": HubDataset,
    "records": lambda columns: [
        dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)
    ],
    "Arrow table": pa.table,
    "polars frame": pl.DataFrame,
}


@pytest.mark.parametrize("form", TABLES.values(), ids=TABLES)
def test_a_table_is_the_same_in_any_form(form):
    columns = {"text": TEXTS, "label": LABELS}
    expected = read_table(pd.DataFrame(columns))
    table = read_table(form(columns))
    assert (table.texts, table.labels) == (expected.texts, expected.labels)


def test_records_may_lack_keys():
    table = read_table(
        [{"text": "a b", "label": "x"}, {"text": "c d", "label": "y"}, {"text": "e"}]
    )
    assert (len(table), table.reading.dropped) == (2, {"empty label": 1})


@pytest.mark.parametrize("form", [list, pd.Series, pl.Series, np.array])
def test_texts_alone_can_be_audited(form):
    assert audit(form([*TEXTS, TEXTS[0]])).duplicates.exact_rows == 2


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            {"train": HubDataset({"text": ["a"]}), "test": HubDataset({"text": ["b"]})},
            "this dict contains 2 tables (train, test): give one of them, such as data['train']",
        ),
        (
            {"text": ["a", "b"], "label": ["x"]},
            "the columns have different lengths: text 2, label 1",
        ),
        ({"text": "a", "label": "b"}, "a list of values is needed, not 'a'"),
        ([1, 2], "cannot read a list: give the path of a file"),
        ([], "cannot read a list: give the path of a file"),
        (TEXTS, "cannot tell which column of 'a list' contains the label: there is only one:"),
    ],
)
def test_anything_but_a_table_is_refused(data, message):
    with pytest.raises(DataError) as caught:
        read_table(data)
    assert str(caught.value).startswith(message)
