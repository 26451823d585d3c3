"""Labels that are the same count as one, and labels that only look alike are reported."""

import json
import shlex
import unicodedata
import warnings

import numpy as np
import pandas as pd
import pytest

import wordgate
from wordgate import DataError, SettingsError, WordgateClassifier, load
from wordgate.data import read_table
from wordgate.data.labels import alike_labels, join_labels, match_labels
from wordgate.experiments.teachers import SavedModel
from wordgate.runtime.progress import Silent

NFC, NFD = (unicodedata.normalize(form, "café") for form in ("NFC", "NFD"))
HANGUL = [unicodedata.normalize(form, "좋음") for form in ("NFC", "NFD")]


def rows_of(good, bad="0", n=60):
    """Texts whose labels alternate; what is good is spelled in each of some ways in turn."""
    return [
        (f"a {'fine' if i % 2 else 'broken'} lamp {i}", good[i // 2 % len(good)] if i % 2 else bad)
        for i in range(n)
    ]


def write_rows(write, name, rows):
    return write(name, "text,label\n" + "".join(f"{text},{label}\n" for text, label in rows))


SAME = [
    (["1", "1.0"], "1", "the labels '1' and '1.0' are treated as one label, '1'"),
    (["-1.0", "-1"], "-1", "the labels '-1' and '-1.0' are treated as one label, '-1'"),
    ([NFD, NFC], NFC, f"the label {NFC!r} occurs in several Unicode forms, which are treated as one"
        " label"),
    (HANGUL, HANGUL[0],
     f"the label {HANGUL[0]!r} occurs in several Unicode forms, which are treated as one label"),
    (["\u212b", "\xc5", "A\u030a"], "\xc5",
     "the label '\xc5' occurs in several Unicode forms, which are treated as one label"),
    (["True", "true", "TRUE"], "True",  # as Python, JSON and Excel write them
     "the labels 'TRUE' and 'True' and 'true' are treated as one label, 'True'"),
]  # fmt: skip


@pytest.mark.parametrize(("forms", "name", "remark"), SAME)
def test_labels_that_are_the_same_are_joined_and_it_is_reported(write, forms, name, remark):
    table = read_table(write_rows(write, "a.csv", rows_of(forms, "bad")))
    assert set(table.labels) == {name, "bad"}
    assert table.reading.warnings == [remark]
    frame = pd.DataFrame(rows_of(forms, "bad"), columns=["text", "label"])
    assert read_table(frame).labels == table.labels
    for form in forms:
        kept = read_table("a.csv", drop_labels=[form], min_labels=1)
        assert set(kept.labels) == {"bad"}
        assert kept.reading.dropped == {f"label '{form}'": 30}


@pytest.mark.parametrize(("forms", "name", "remark"), SAME)
def test_a_label_that_stands_in_one_form_keeps_it(write, forms, name, remark):
    for form in forms:
        table = read_table(write_rows(write, "a.csv", rows_of([form], "bad")))
        assert set(table.labels) == {form, "bad"}
        assert table.reading.warnings == []


@pytest.mark.parametrize(("forms", "name", "remark"), SAME)
def test_the_forms_of_training_hold_for_evaluation_and_test_files(write, forms, name, remark):
    train = write_rows(write, "train.csv", rows_of(forms[:1], "bad"))
    test = write_rows(write, "test.csv", rows_of(forms[1:], "bad")[:20])
    training = wordgate.train(train, model="count", test=test, out="model", progress=Silent())
    assert set(training.predictor.labels) == {forms[0], "bad"}
    assert training.metrics.n == 20
    evaluation = wordgate.evaluate("model", test)
    assert evaluation.scores.n == 20
    reported = evaluation.reading.warnings
    assert reported
    assert all("treated as" in remark for remark in reported)
    assert training.bundle.config.data["others"]["test"]["warnings"] == reported


ALIKE = [
    (
        ["ok", "OK"],
        "the labels 'OK' and 'ok' differ only in case; they are treated as different labels",
    ),
    (["1.1", "1.10"], "the labels '1.1' and '1.10' differ only in how a number is written; they"),
    (["01", "1"], "the labels '01' and '1' differ only in how a number is written; they are"),
    (
        ["1e3", "1000.0", "1000.00"],
        "the labels '1000.0' and '1000.00' and '1e3' differ only in how a",
    ),
    (
        ["not ok", "not  ok"],
        "the labels 'not  ok' and 'not ok' differ only in case, spaces or Unicode forms",
    ),
    (
        ["not ok", "not\xa0ok"],
        "the labels 'not ok' and 'not\\xa0ok' differ only in case, spaces or",
    ),
    (
        ["ok", "o\u200bk"],
        "the labels 'ok' and 'o\\u200bk' differ only in case, spaces or Unicode forms",
    ),
    (
        ["ok", "\uff4f\uff4b"],
        "the labels 'ok' and '\uff4f\uff4b' differ only in case, spaces or Unicode",
    ),
    (
        ["ﬁne", "fine"],
        "the labels 'fine' and 'ﬁne' differ only in case, spaces or Unicode forms",
    ),
    (["-1", "\u22121"], "the labels '-1' and '\u22121' differ only in case, spaces or Unicode"),
    (["1", "\u0661"], "the labels '1' and '\u0661' differ only in case, spaces or Unicode forms"),
    (
        ["\u2764", "\u2764\ufe0f"],
        "the labels '\u2764' and '\u2764\ufe0f' differ only in case, spaces or Unicode forms",
    ),
    (
        ["\uac00", "\uac00\u3164"],
        "the labels '\uac00' and '\uac00\u3164' differ only in case, spaces or Unicode forms",
    ),
    (["ok", "'ok'"], "the labels \"'ok'\" and 'ok' differ only in quotes; they are treated"),
    (["ok", "“OK”"], "the labels 'ok' and '“OK”' differ only in quotes, case, spaces or Unicode"),
    (["iyi", "\u0130yi"], "the labels 'iyi' and '\u0130yi' differ only in case, spaces or"),
    (["KIZGIN", "k\u0131zg\u0131n"], "the labels 'KIZGIN' and 'k\u0131zg\u0131n' differ only in"),
    (["1", "True"], "the labels '1' and 'True' differ only in how a value is written; they"),
    (
        ["0", "false", "no"],
        "the labels '0' and 'false' differ only in how a value is written; they",
    ),
]


@pytest.mark.parametrize(("forms", "remark"), ALIKE)
def test_labels_that_look_alike_count_as_different_and_it_is_reported(write, forms, remark):
    table = read_table(write_rows(write, "a.csv", rows_of(forms, "bad")))
    assert set(table.labels) == {*forms, "bad"}
    assert len(table.reading.warnings) == 1
    assert table.reading.warnings[0].startswith(remark)


@pytest.mark.parametrize("labels", [["1", "1,0"], ["2,5", "2.50"], ["-3,1415", "-3.1415"]])
def test_numbers_with_a_decimal_comma_look_alike(labels):
    assert alike_labels(labels) == [
        f"the labels {labels[0]!r} and {labels[1]!r} differ only in how a number is written; they"
        " are treated as different labels"
    ]


@pytest.mark.parametrize("labels", [["1", "2", "10"], ["1.5", "15"], ["a", "à"], ["-1", "1"],
                                    ["9" * 5000, "8" * 5000], ["1e999999", "1"],
                                    ["1,000", "1"], ["0,1", "1"], ["'", '"'],
                                    ["👍", "👍🏽"]])  # fmt: skip
def test_other_labels_are_left_alone(labels):
    assert join_labels(labels) == (labels, [])
    assert alike_labels(labels) == []


def test_a_label_that_could_be_two_known_ones_is_neither():
    assert match_labels(["1"], ["1.0", "2"]) == (
        ["1.0"], ["the labels '1' and '1.0' are treated as one label, '1.0'"],
    )  # fmt: skip
    assert match_labels([NFD], [NFC, NFD]) == ([NFD], [])
    assert match_labels(["A\u030a"], ["\u212b", "\xc5"]) == (["A\u030a"], [])


def test_a_label_that_the_model_lacks_is_still_refused(write):
    train = write_rows(write, "train.csv", rows_of(["1"]))
    wordgate.train(train, model="count", out="model", progress=Silent())
    other = write_rows(write, "other.csv", rows_of(["1.00"]))
    with pytest.raises(DataError, match=r"^labels that the model does not have: '1\.00'"):
        wordgate.evaluate("model", other)


@pytest.mark.parametrize(("forms", "remark"), [*ALIKE, (["1", "1.0"], "the labels '1' and '1.0'"),
                                               ([NFC, NFD], "the labels ")])  # fmt: skip
def test_an_estimator_keeps_its_labels_apart_and_warns(forms, remark):
    """Scikit-learn compares its answers with the labels as they are."""
    texts, labels = zip(*rows_of(forms, "bad"), strict=True)
    with pytest.warns(UserWarning, match=r"treated as different labels$") as caught:
        classifier = WordgateClassifier(model="count").fit(texts, labels)
    assert str(caught[0].message).startswith(remark)
    assert classifier.classes_.tolist() == sorted({*forms, "bad"})


def test_numbers_that_are_equal_are_one_class_of_an_estimator():
    texts, _ = zip(*rows_of(["1"]), strict=True)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for labels in (
            [i % 2 for i in range(60)],
            np.arange(60) % 2,
            [float(i % 2) for i in range(60)],
            [1.0 if i % 4 == 1 else i % 2 for i in range(60)],
        ):
            assert WordgateClassifier(model="count").fit(texts, labels).classes_.tolist() == [0, 1]


def test_a_teacher_knows_the_same_labels_in_another_form():
    saved = SavedModel("m", ("0.0", NFD, "b"), False, None, 1.0, None)
    assert saved.teacher(("b", "0", NFC)).columns == (2, 0, 1)
    with pytest.raises(SettingsError, match="they must be the same"):
        saved.teacher(("b", "0.00", NFC))


MISSING = ["nan", "NaN", "NULL", "null", "None", "NA", "N/A", "<NA>", "\\N", "inf", "-Infinity"]
FAILED = ["#N/A", "#NV", "#N/D", "#REF!", "#DIV/0!", "#NAME?", "#ÜBERLAUF!", "#ССЫЛКА!"]  # formulas


@pytest.mark.parametrize("word", [*MISSING, *FAILED])
@pytest.mark.parametrize("form", ["csv", "jsonl", "frame"])
def test_labels_that_may_stand_for_missing_ones_are_remarked_on(write, word, form):
    labels = [word if i % 4 == 0 else "ok" if i % 2 else "no" for i in range(16)]
    rows = [{"text": f"a lamp {i}", "label": label} for i, label in enumerate(labels)]
    source = pd.DataFrame(rows)
    if form == "csv":
        content = "".join(f"{row['text']},{row['label']}\n" for row in rows)
        source = write("a.csv", f"text,label\n{content}")
    elif form == "jsonl":
        source = write("a.jsonl", "\n".join(map(json.dumps, rows)))
    table = read_table(source)
    assert table.labels == labels
    advice = shlex.quote(word)
    assert table.reading.warnings == [
        f"the label {word!r} of 4 rows may mean that there is no label: if so, leave them out"
        f" with --drop-label {advice}"
    ]
    assert len(read_table(source, drop_labels=[word])) == 12


@pytest.mark.parametrize("word", ["#good!", "#WOW", "NAN?", "infinite", "information"])
def test_words_like_those_for_missing_labels_are_labels(write, word):
    labels = [word, "ok"]
    assert read_table(write_rows(write, "a.csv", rows_of(labels))).reading.warnings == []


def test_no_advice_leaves_one_label(write):
    table = read_table(write("a.csv", "text,label\n" + "a lamp,ok\nno lamp,NA\n" * 8))
    assert table.reading.warnings == [
        "the label 'NA' of 8 rows may mean that there is no label: if so, leave them out"
    ]


TEXTS = [f"a {'fine' if i % 2 else 'broken'} lamp {i}" for i in range(40)]


def test_an_array_that_has_made_words_of_missing_labels_is_warned_of():
    labels = np.array([("ok", "no", np.nan)[i % 3] for i in range(40)])
    with pytest.warns(
        UserWarning, match="of 13 rows may mean that there is no label: if so, leave them out$"
    ):
        WordgateClassifier(model="count").fit(TEXTS, labels)


@pytest.mark.parametrize("empty", ["", "  ", "\u200b"])
def test_an_empty_label_is_none_for_an_estimator(empty):
    labels = ["ok" if i % 2 else "no" for i in range(39)] + [empty]
    with pytest.raises(DataError, match=r"label 40 of 40 is '.*', which is not a label"):
        WordgateClassifier(model="count").fit(TEXTS, labels)


def test_labels_of_bytes_are_named_as_they_read(tmp_path):
    labels = np.array([b"ok" if i % 2 else b"no" for i in range(40)])
    model = WordgateClassifier(model="count").fit(TEXTS, labels)
    assert model.predict(TEXTS[:2]).tolist() == [b"no", b"ok"]
    model.save(tmp_path / "model")
    assert load(tmp_path / "model").labels == ("no", "ok")


@pytest.mark.parametrize("drop", ["ad", ["ad"], ("ad",)])
def test_a_string_to_drop_is_one_label_and_not_its_letters(write, drop):
    file = write("a.csv", "text,label\n" + "a lamp,a\nno lamp,d\nbuy a lamp,ad\n" * 4)
    table = read_table(file, drop_labels=drop)
    assert (set(table.labels), table.reading.dropped) == ({"a", "d"}, {"label 'ad'": 4})
    assert table.reading.warnings == []


def test_labels_to_drop_may_be_numbers():
    frame = pd.DataFrame({"text": TEXTS, "label": [i % 3 for i in range(40)]})
    assert set(read_table(frame, drop_labels=[2]).labels) == {"0", "1"}
