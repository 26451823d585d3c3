"""Pages that stand alone: escaped, well formed, nothing fetched, nothing run."""

import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from tests.report.conftest import PAGES

from wordgate.report.comparison import format_comparison, format_results

_VOID = {"meta", "link", "br"}


class _Page(HTMLParser):
    """Check that every element is closed in its turn, and collect elements and text."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.attributes, self.words = [], [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


@pytest.fixture(scope="module", params=PAGES)
def page(request, pages):
    return pages[request.param]()


def test_it_is_well_formed_and_can_be_written(page):
    parsed = _Page(page)
    assert parsed.tags.count("html") == parsed.tags.count("h1") == 1
    assert "\x00" not in page
    page.encode("utf-8")


def test_it_runs_and_fetches_nothing(page):
    parsed = _Page(page)
    assert not {"script", "iframe", "img", "object", "embed", "form"} & set(parsed.tags)
    icon, *links = [value for key, value in parsed.attributes if key in ("src", "href")]
    assert icon == "data:,"
    places = {f"#{value}" for key, value in parsed.attributes if key == "id"}
    assert set(links) <= {*places, "report.html"}  # beside the report on a search
    assert not [key for key, _ in parsed.attributes if key.startswith("on")]
    assert not re.search(r"https?:|@import|url\(", page)


def test_every_chart_has_its_values_as_text(page):
    parsed = _Page(page)
    labels = [value for key, value in parsed.attributes if key == "aria-label"]
    reported = [label for label in labels if label not in ("table", "Contents")]
    n_matrices = page.count('<table class="matrix')
    n_pictures = parsed.tags.count("svg") + n_matrices
    assert n_pictures == len(reported) == parsed.tags.count("figure") > 2
    figures = re.findall(r"<figure.*?</figure>", page, re.DOTALL)
    alone = [one for one in figures if "<details>" not in one and "<table" not in one]
    assert {re.search("<b>(.*?)</b>", one)[1] for one in alone} <= {
        "Accuracy and baselines", "Micro F1 and baselines", "F1 of each label, continued",
    }  # fmt: skip


def test_it_is_lean(page):
    assert len(page.encode()) < 200_000


def test_texts_of_the_data_are_text(nasty_report):
    page = nasty_report.page()
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in page
    assert "<script" not in page
    assert not set("\u202e\u202c\x00\x1b\ud800") & set(page)


def test_texts_can_be_left_out(make_report):
    contents = ["a secret of the data"]
    assert "a secret" in make_report(contents=contents).page()
    page = make_report(contents=contents, texts=False).page()
    assert "a secret" not in page
    assert "This page contains no texts." in page
    assert re.search(r"row 1,\d{3}: labeled", page)


def test_it_shows_the_main_scores(make_report):
    report = make_report()
    text = _Page(report.page()).text
    assert f"{report.metrics.accuracy:.3f}" in text
    assert (
        "No significant gain The LSTM model is not significantly better than the count baseline"
        in text
    )
    assert text.count("+2.0 points, 95% interval -1.0 to +5.0, p < 0.001") == 1
    assert text.count("Grouped by column 'id'.") == 1
    assert text.count("A remark on the split.") == 1
    assert text.count("LEAKAGE: Of 300 test rows, 7 (2.3%)") == 1
    assert "The model was overconfident" in text
    assert "temperature of 1.70" in text
    assert "5 epochs; the model has the weights of epoch 2." in text
    assert "by epoch" not in _Page(make_report(n_epochs=0).page()).text


def test_shares_of_a_part_of_the_confusion_matrix_are_of_all_rows_of_a_label(make_report):
    """Half of the labels are shown: their rows that are predicted as others count, too."""
    report = make_report([f"label {i}" for i in range(40)], n=900)
    drawn = report.page().split('<table class="matrix')[1].split("</table>")[0]
    rows = re.findall(r'<th scope="row">(.*?)</th>(.*?)</tr>', drawn)
    assert len(rows) == 20
    support = {score.label: score.support for score in report.metrics.per_class}
    for label, cells in rows:
        found = re.findall(r'title="(\d+) rows">(\d+)<', cells)
        assert [int(share) for _, share in found] == [
            round(100 * int(count) / support[label]) for count, _ in found
        ]


def test_without_a_temperature_it_says_so(make_report):
    text = _Page(make_report(temperature=1.0).page()).text
    assert "no temperature was fitted" in text
    assert "as predicted" in text


def test_a_comparison_shows_the_main_scores(comparison):
    text = _Page(comparison).text
    assert "Take the lstm." in text
    assert "90% leak." in text
    assert "averaged vectors vs. counts <&> +3.0 +1.2 to +4.8 p < 0.001" in text
    assert "averaged vectors, grouped 0.630 0.610 to 0.650 0.620" in text


def test_the_grouped_split_comes_first_and_ties_are_named(comparison):
    titles = re.findall("<h2>(.*?)</h2>", comparison)
    assert titles[:3] == [
        "Grouped split: groups never seen during training",
        "Random split, for comparison",
        "The families",
    ]
    grouped, others = comparison.split("Random split, for comparison")
    assert grouped.count('<tr class="best">') == 0
    assert "A tie: these are not significantly worse than the most accurate: " in grouped
    assert '<table class="quiet">' in others
    assert '<table class="quiet">' not in grouped


def test_the_best_family_is_bold_where_the_tests_say_so(make_comparison):
    page = make_comparison(tied=("averaged vectors",))
    best = re.findall('<tr class="best"><th scope="row"><bdi>(.*?)</bdi>', page)
    assert best == ["averaged vectors"]
    assert "averaged vectors is significantly better than every other family." in page


def test_a_comparison_models_at_every_family_and_opens_the_one_to_take(comparison):
    page = comparison
    assert re.findall(r'<details class="model"( open)?>', page) == ["", " open", ""]
    parsed = _Page(page)
    assert parsed.text.count("Probable label errors") == 3
    assert parsed.text.count("5 epochs; the model has the weights of epoch 2.") == 3
    assert "300 rows." in parsed.text


def test_folds_have_temperatures_of_their_own(make_report):
    text = _Page(make_report(temperature=None).page()).text
    assert "Each fold's log-probabilities are divided by a temperature of its own" in text


def test_where_a_threshold_decides_abstention_is_not_advised(make_report):
    """`--abstain-below` is refused for such a model."""
    assert "--abstain-below" in make_report(("no", "yes")).page()
    page = make_report(("no", "yes"), threshold=0.3).page()
    assert "abstain" not in page
    assert "Reliability diagram" in page


def test_of_several_labels_it_shows_the_main_scores(make_several):
    report = make_several()
    text = _Page(report.page()).text
    scores = report.metrics
    assert f"micro F1 {scores.micro_f1:.3f}" in text
    assert "(+2.0 points of micro F1, 95% interval -1.0 to +5.0, p < 0.001)" in text
    assert "most frequent label set" in text
    assert f"Confidence interval of micro F1: {scores.intervals.micro_f1.method}" in text
    assert "Labels that occur together" in text
    assert "Precision against recall" in text
    assert "its logits are divided by a temperature of 1.70" in text
    assert report.metrics.thresholds.sentence() in text
    assert re.search(
        r"row 1,\d{3}: \w+ ?, probability 0\.\d\d; true labels: [\w ,]+; predicted: \w+", text
    )
    assert "Probable label errors" in text
    assert report.analysis.suspects_text in text
    for absent in ("abstain", "confusion", "withheld"):
        assert absent not in text.lower()


def test_thresholds_of_two_classes_are_shown_with_one_label_a_text_too(make_report, make_several):
    report, gain = make_report(), make_several().metrics.thresholds
    assert "Thresholds" not in _Page(report.page()).text
    report = replace(report, metrics=report.metrics.model_copy(update={"thresholds": gain}))
    text = _Page(report.page()).text
    assert gain.sentence() in text
    assert all(remark in text for remark in gain.remarks)
    assert "Confusion matrix" in text


def test_of_several_labels_texts_can_be_left_out(make_several):
    page = make_several(contents=["a secret of the data"], texts=False).page()
    assert "a secret" not in page
    assert "This page contains no texts." in page


def test_a_comparison_of_several_labels_is_one_of_micro_f1(several_comparison):
    found, page = several_comparison
    text = _Page(page).text
    assert found.recommendation.family == "lstm"
    assert "micro F1 on unseen groups it is the model with the highest micro F1" in text
    assert "Micro F1 with 95% intervals" in text
    assert "points of micro F1, on the same rows" in text
    assert found.paired_tests[0].difference.proven == "better"
    assert "abstain" not in text
    written = format_comparison(found)
    assert "grouped split  micro F1" in written
    assert "paired test " in written
    assert "  points of micro F1  " in written


def test_a_narrow_table_leaves_out_the_interval_of_macro_f1(several_comparison):
    comparison, _ = several_comparison
    wide = format_results(comparison)
    width = max(map(len, wide.splitlines()))
    assert format_results(comparison, width) == wide
    narrow = format_results(comparison, width - 1)
    assert [text.splitlines()[0].count("95% interval") for text in (wide, narrow)] == [2, 1]


def test_importing_it_imports_neither_torch_nor_cleanlab():
    code = (
        "import sys, wordgate.report.model, wordgate.report.comparison;"
        "print([m for m in ('torch', 'cleanlab', 'pandas', 'sklearn') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
