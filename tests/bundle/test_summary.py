"""Results in a line and in a notebook: short, exact, and safe whatever the labels are."""

from html.parser import HTMLParser

import pytest

import wordgate
from wordgate.bundle.summary import model_bytes
from wordgate.runtime.display import html_table, shown_size
from wordgate.runtime.progress import Silent


class Cells(HTMLParser):
    """The texts of an HTML page, and its tags."""

    def __init__(self, page):
        super().__init__()
        self.texts, self.tags = [], set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        assert set(dict(attrs)) <= {"style"}  # nothing is fetched, nothing is run

    def handle_data(self, data):
        self.texts.append(data)


def cells(result):
    found = Cells(result._repr_html_())
    assert found.tags <= {"div", "b", "table", "tbody", "tr", "th", "td", "p"}
    return found.texts


def test_a_model_is_shown_by_what_matters(count_model):
    predictor, metrics = wordgate.load(count_model.folder), count_model.metrics
    size = shown_size(model_bytes(predictor._model))
    interval = f"{metrics.intervals.accuracy.low:.3f} to {metrics.intervals.accuracy.high:.3f}"
    assert repr(predictor) == (
        f"Predictor(count, accuracy={metrics.accuracy:.3f} ({interval}), n=60,"
        f" labels=['bad', 'good'], data=reviews.csv (300 rows), {size})"
    )
    assert cells(predictor) == [
        *("Predictor", "family", "count", "labels", "bad, good"),
        *("accuracy", f"{metrics.accuracy:.3f} (95% interval {interval}) on 60 test rows"),
        *("macro F1", f"{metrics.macro_f1:.3f}", "data", "reviews.csv, 300 rows", "size", size),
    ]


def test_a_training_is_shown_as_its_model_is(few_reviews):
    training = wordgate.train(few_reviews, model="count", progress=Silent())
    assert repr(training) == repr(training.predictor).replace("Predictor", "Training")
    assert cells(training) == ["Training", *cells(training.predictor)[1:]]


def test_a_model_without_test_rows_says_so():
    texts = [f"{word} {i}" for i in range(20) for word in ("love", "hate")]
    classifier = wordgate.WordgateClassifier(model="count").fit(texts, ["good", "bad"] * 20)
    size = shown_size(model_bytes(classifier.predictor_._model))
    assert repr(classifier.predictor_) == (
        "Predictor(count, no test rows, labels=['bad', 'good'], data=WordgateClassifier.fit"
        f" (40 rows), {size})"
    )
    assert "not evaluated on test rows" in cells(classifier.predictor_)


def test_labels_are_escaped_and_many_of_them_cut(make_rows, make_file):
    names = {"bad": "<script>alert(1)</script>", "good": "z\x1b[31m&" + "g" * 300}
    rows = [(group, names[label], text) for group, label, text in make_rows(15)]
    training = wordgate.train(make_file(rows), model="count", progress=Silent())
    page = training._repr_html_()
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "\x1b" not in page + repr(training)
    assert len(page) < 1500
    assert len(repr(training)) < 200


def test_an_evaluation_is_a_table(count_model):
    evaluation = wordgate.evaluate(count_model.folder, count_model.data)
    all_rows, unseen = evaluation.scores, evaluation.unseen
    found = cells(evaluation)
    header = ["rows", "accuracy", "95% interval", "macro F1", "95% interval"]
    assert found[:6] == ["Evaluation on reviews.csv", *header]
    assert found[6:9] == ["all rows", "300", f"{all_rows.accuracy:.3f}"]
    assert found[12:15] == ["rows unknown to the model", str(unseen.n), f"{unseen.accuracy:.3f}"]


def test_comparisons_are_tables(few_reviews, count_model, lstm_model):
    found = wordgate.compare(few_reviews, models=["count"], progress=Silent())
    first, second = found.results
    shown = cells(found)
    assert shown[:5] == [
        *("Comparison on few.csv", "family, split", "accuracy", "95% interval", "macro F1")
    ]
    assert shown[5:7] == ["count, random", f"{first.scores.accuracy:.3f}"]
    assert shown[9:11] == ["count, grouped", f"{second.scores.accuracy:.3f}"]
    assert shown[-1] == " ".join(found.recommendation.sentences)
    folders = [count_model.folder, lstm_model.folder]
    compared = wordgate.compare_models(folders, count_model.data)
    shown = cells(compared)
    assert shown[0] == "Comparison of models on 300 rows"
    assert shown[10] == f"{folders[0]} (count)"
    assert shown[19:21] == [
        f"{folders[1]} (LSTM)", f"{compared.models[1].evaluation.scores.accuracy:.3f}"
    ]  # fmt: skip


def test_a_classifier_shows_itself_as_scikit_learn_s_do():
    page = wordgate.WordgateClassifier(model="<i>")._repr_html_()
    assert "WordgateClassifier" in page
    assert "&lt;i&gt;" in page
    assert "<i>" not in page


@pytest.mark.parametrize(
    ("n_bytes", "written"), [(0, "0 kB"), (99_499, "99 kB"), (100_000, "0.1 MB"), (2e6, "2.0 MB")]
)
def test_sizes_are_written_in_megabytes_or_kilobytes(n_bytes, written):
    assert shown_size(n_bytes) == written


def test_a_table_has_a_header_and_a_note_where_they_are_given():
    left = 'style="text-align:left"'
    assert html_table("T", [("a", "1 < 2")], ("x", "y"), "n") == (
        f"<div><b>T</b><table><tbody><tr><th {left}>x</th><th {left}>y</th></tr>"
        f"<tr><th {left}>a</th><td {left}>1 &lt; 2</td></tr></tbody></table><p>n</p></div>"
    )
