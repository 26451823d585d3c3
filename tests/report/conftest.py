import itertools
from dataclasses import dataclass, replace

import numpy as np
import pytest

from wordgate.bundle.config import Config
from wordgate.bundle.metrics import (
    Baseline,
    Baselines,
    Metrics,
    MultilabelBaseline,
    MultilabelBaselines,
    MultilabelMetrics,
    SplitFacts,
)
from wordgate.evaluation.calibration import apply_temperature, calibration
from wordgate.evaluation.comparison import (
    Comparison,
    ModelResult,
    PairedTest,
    Recommendation,
)
from wordgate.evaluation.error_analysis import (
    ErrorAnalysis,
    PredictedRows,
    analyse_errors,
    count_words,
)
from wordgate.evaluation.intervals import Interval, PairedDifference
from wordgate.evaluation.metrics import Epoch, Intervals, evaluate
from wordgate.evaluation.multilabel import (
    evaluate_multilabel,
    paired_micro_f1_difference,
    predicted_labels,
)
from wordgate.evaluation.multilabel_errors import MultilabelAnalysis, analyse_multilabel_errors
from wordgate.evaluation.search import SearchLimits, SearchResult, SearchTrial
from wordgate.evaluation.thresholds import ScoredRows, choose_thresholds, measure_thresholds
from wordgate.report.comparison import comparison_page, recommend
from wordgate.report.model import model_page
from wordgate.report.page import Section
from wordgate.report.search import search_page

NASTY = (
    "<script>alert('x')</script>",
    "a \u202eturned\u202c text",
    "W" * 200,
    "👩‍👩‍👧" * 40,
    "NUL \x00, escape \x1b[31m and half a pair \ud800",
    "مرحبا بالعالم " * 20,
)
SECTIONS = [Section(one, [one], (one, one), [(one, one)]) for one in NASTY]


@dataclass(frozen=True)
class Report:
    """What the page of a model shows."""

    config: Config
    metrics: Metrics | MultilabelMetrics
    analysis: ErrorAnalysis | MultilabelAnalysis
    audit: list[Section]

    def page(self):
        return model_page(self.config, self.metrics, self.analysis, self.audit)


def _history(n_epochs):
    return [
        Epoch(epoch=i, seconds=1.0, texts_per_second=100.0, learning_rate=0.1,
              train_loss=1 / i, train_accuracy=1 - 0.5 / i, valid_loss=1 / i + 0.1,
              valid_accuracy=0.9 - 0.4 / i)
        for i in range(1, n_epochs + 1)
    ]  # fmt: skip


def _metrics(scores, n_epochs, remarks, thresholds=None):
    common = {"accuracy": 0.4, "macro_f1": 0.3, "log_loss": 1.1, "train_seconds": 0.1}
    if hasattr(scores, "micro_f1"):
        form, all_baselines, baseline = (
            MultilabelMetrics, MultilabelBaselines, MultilabelBaseline(**common, micro_f1=0.35)
        )  # fmt: skip
    else:
        form, all_baselines, baseline = Metrics, Baselines, Baseline(**common)
    return form(
        **dict(scores),
        baselines=all_baselines(majority=baseline, count=baseline),
        difference_to_count=PairedDifference(
            difference=0.02, low=-0.01, high=0.05, p_value=0.00002, method="by groups"
        ),
        split=SplitFacts(
            kind="grouped", seed=0, n_train=900, n_valid=100, n_test=scores.n, n_test_groups=100,
            leaked_by_group=7, near_duplicates_in_train=5, reason="Grouped by column 'id'.",
            warnings=["A remark on the split."],
        ),
        train_seconds=1.0, wall_seconds=2.0, peak_memory_mb=100.0, epochs=n_epochs,
        best_epoch=min(2, n_epochs), remarks=remarks, history=_history(n_epochs),
        thresholds=thresholds,
    )  # fmt: skip


@pytest.fixture(scope="session")
def make_analysis():
    """Analyse a model of three labels and 300 rows, three of a group."""

    def make(
        labels=("negative", "neutral", "positive"), contents=None, n=300, threshold=None, **options
    ):
        rng = np.random.default_rng(0)
        k = len(labels)
        targets = rng.integers(k, size=n)
        score = rng.normal(size=(n, k))
        score[np.arange(n), targets] += 1.5
        log_proba = score - np.log(np.exp(score).sum(axis=1, keepdims=True))
        groups = [f"g{i // 3}" for i in range(n)]
        texts = contents or [f"the text number {i} is about lamps" for i in range(n)]
        texts = [texts[i % len(texts)] for i in range(n)]
        uncalibrated = apply_temperature(log_proba, 1 / 1.7)
        given = None if threshold is None else (log_proba[:, 1] >= np.log(threshold)).astype(int)
        return analyse_errors(
            evaluate(targets, log_proba, labels, groups),
            PredictedRows(log_proba, targets, texts, list(range(1001, 1001 + n)), groups, given),
            count_words(texts, ["the text is about lamps"]),
            **{
                "temperature": 1.7,
                "before": calibration(uncalibrated, targets),
                "after": calibration(log_proba, targets),
            }
            | options,
        )

    return make


@pytest.fixture(scope="session")
def make_report(make_analysis):
    """Make the report on such a model."""

    def make(labels=("negative", "neutral", "positive"), n_epochs=5, **options):
        analysis = make_analysis(labels, **options)
        config = Config(
            family="lstm", labels=labels, seed=0, recipe="default", settings={},
            data={"source": "reviews.csv"}, environment={"wordgate": "0.1.0"},
        )  # fmt: skip
        return Report(config, _metrics(analysis.scores, n_epochs, []), analysis, [])

    return make


def _several_rows(n, n_labels, seed):
    """Draw labels, some much rarer than others, and probabilities that know them somewhat."""
    rng = np.random.default_rng(seed)
    targets = (rng.random((n, n_labels)) < np.linspace(0.4, 0.02, n_labels)).astype(np.int64)
    logits = rng.normal(size=(n, n_labels)) + 2.5 * targets - 2.0
    return targets, -np.logaddexp(0.0, -logits)


@pytest.fixture(scope="session")
def make_several():
    """Make the report on a model that gives a text several labels, with thresholds for F1."""

    def make(labels=("anger", "joy", "sadness"), contents=None, n=300, texts=True):
        valid, test = (ScoredRows(*_several_rows(n, len(labels), seed)) for seed in (1, 2))
        groups = [f"g{i // 3}" for i in range(n)]
        test = replace(test, groups=groups)
        thresholds = choose_thresholds(valid.true, valid.log_proba)
        gain = measure_thresholds(thresholds, "f1", labels, valid, test)
        contents = contents or [f"the text number {i} is about lamps" for i in range(n)]
        contents = [contents[i % len(contents)] for i in range(n)]
        scores = evaluate_multilabel(test.true, test.log_proba, labels, groups, thresholds)
        uncalibrated = apply_temperature(test.log_proba, 1 / 1.7, multilabel=True)
        analysis = analyse_multilabel_errors(
            scores,
            PredictedRows(test.log_proba, test.true, contents, list(range(1001, 1001 + n)), groups),
            count_words(contents, ["the text is about lamps"]),
            temperature=1.7,
            before=calibration(uncalibrated, test.true),
            after=calibration(test.log_proba, test.true),
            texts=texts,
        )
        config = Config(
            family="lstm", labels=labels, seed=0, recipe="default", settings={},
            data={"source": "emotions.csv"}, environment={"wordgate": "0.1.0"},
        )  # fmt: skip
        return Report(config, _metrics(scores, 5, [], gain), analysis, [])

    return make


@pytest.fixture(scope="session")
def several_comparison(make_several):
    """The page of a comparison of two families that give a text several labels, and the whole."""
    report = make_several()
    targets, log_proba = _several_rows(300, 3, 2)
    given = predicted_labels(log_proba)
    none = np.zeros((0, 3))
    worse = evaluate_multilabel(targets, np.roll(log_proba, 7, axis=0), report.config.labels, None)

    def result(family, scores, given):
        right = (given == targets).all(axis=1)
        return ModelResult(
            family, "grouped", scores, right, none, none, 10.0, 20_000.0, 3.2,
            history=tuple(_history(5)), best_epoch=2, given=given,
        )  # fmt: skip

    results = (
        result("count", worse, np.roll(given, 7, axis=0)),
        result("lstm", report.analysis.scores, given),
    )

    def difference(one, other):
        return paired_micro_f1_difference(targets, one.given, other.given, None)

    test = PairedTest("lstm", "count", "grouped", difference(*results[::-1]))
    found = Comparison(
        "emotions.csv", ("count", "lstm"), ("grouped",), None, 0, "default", None,
        results=results, paired_tests=(test,),
    )  # fmt: skip
    found = replace(found, recommendation=recommend(found, difference))
    analyses = dict.fromkeys(("count", "lstm"), report.analysis)
    return found, comparison_page(found, analyses, [])


@pytest.fixture(scope="session")
def nasty_report(make_report):
    """Make a report in which whatever comes from the data does harm."""
    report = make_report(labels=NASTY[:3], contents=list(NASTY))
    odd = {"source": NASTY[0]}
    config = report.config.model_copy(
        update={"data": odd, "recipe": NASTY[1], "environment": dict.fromkeys(NASTY, NASTY[0])}
    )
    metrics = _metrics(report.analysis.scores, 5, list(NASTY))
    return replace(report, config=config, metrics=metrics, audit=SECTIONS)


@pytest.fixture(scope="session")
def make_comparison(make_analysis):
    """Make the page of a comparison of three families on two splits."""
    return lambda tied: _comparison_page(make_analysis(), tied)


@pytest.fixture(scope="session")
def comparison(make_comparison):
    """Such a page, on which the last two families are level."""
    return make_comparison(("averaged vectors", "lstm " + "W" * 200))


def _comparison_page(analysis, tied):
    families = ("counts <&>", "averaged vectors", "lstm " + "W" * 200)
    difference = PairedDifference(
        difference=0.03, low=0.012, high=0.048, p_value=0.0004, method="by groups"
    )

    def result(family, kind, accuracy):
        def interval(middle):
            return Interval(low=middle - 0.02, high=middle + 0.02, method="bootstrap")

        intervals = Intervals(accuracy=interval(accuracy), macro_f1=interval(accuracy - 0.01))
        scores = analysis.scores.model_copy(
            update={"accuracy": accuracy, "macro_f1": accuracy - 0.01, "intervals": intervals}
        )
        none = np.zeros((0, 3))
        return ModelResult(
            family, kind, scores, np.zeros(0, bool), none, none, 10.0, 20_000.0, 3.2,
            history=tuple(_history(5)), best_epoch=2,
        )  # fmt: skip

    found = Comparison(
        "reviews.csv", families, ("random", "grouped"), None, 0, "default", None,
        results=tuple(
            result(family, kind, start + 0.03 * i)
            for i, family in enumerate(families)
            for kind, start in (("random", 0.9), ("grouped", 0.6))
        ),
        paired_tests=tuple(
            PairedTest(family, simpler, kind, difference)
            for simpler, family in itertools.pairwise(families)
            for kind in ("random", "grouped")
        ),
        leaks={"random": "90% leak."},
        recommendation=Recommendation(
            families[1], ("Take the lstm.", "It is best on new texts."), tied
        ),
        environment={"wordgate": "0.1.0"},
    )  # fmt: skip
    analyses = dict.fromkeys(families, analysis)
    return comparison_page(found, analyses, [Section("Texts", ["300 rows."])])


def _trial(number, family, score, megabytes, **more):
    trial = SearchTrial(
        number=number, family=family, recipe="default" if number < 3 else "tuned", settings={},
        state="complete", score=score, fold_scores=(score - 0.01, score, score + 0.01),
        latency_ms=megabytes / 10, megabytes=megabytes, seconds=60.0, finished=60.0 * (number + 1),
    )  # fmt: skip
    return replace(trial, **more)


@pytest.fixture(scope="session")
def search_result():
    """A search of 17 trials: one is over limits, one was stopped, one failed, one is repeated."""
    trials = [
        _trial(0, "count", 0.66, 2.0),
        _trial(1, "lstm", 0.68, 3.0),
        _trial(2, "transformer", 0.72, 90.0, state="pruned", fold_scores=(0.72,),
               over_limits=("latency", "size")),
        _trial(3, "lstm", 0.6, 3.0, state="pruned", fold_scores=(0.6,), rows=0.25),
        SearchTrial(number=4, family="lstm", recipe="tuned", settings={"lstm.epochs": 99},
                    state="failed", seconds=60.0, finished=300.0),
        _trial(5, "lstm", 0.70, 4.0,
               settings={"lstm.hidden_size": 96, "lstm.learning_rate": 0.00213456}),
        _trial(6, "lstm", 0.699, 9.0, settings={"text.tokenizer": NASTY[0]}),
        _trial(16, "lstm", 0.699, 9.0, settings={"text.tokenizer": NASTY[0]}, seconds=0.0),
        *(
            _trial(6 + i, "lstm", 0.65 + 0.002 * i, 3.0 + i, settings={"lstm.epochs": i})
            for i in range(1, 10)
        ),
    ]  # fmt: skip
    return SearchResult(
        objective="accuracy", limits=SearchLimits(minutes=20, max_ms=5.0, max_mb=50.0),
        trials=tuple(trials), chosen=5, second=6, chosen_score=0.70, test_score=0.682,
        interval=Interval(low=0.66, high=0.69, method="bootstrap"),
        importances={"lstm.hidden_size": 0.7, "lstm.learning_rate": 0.3}, minutes=16.2,
        ended_by="minutes", latency_ms=0.41, megabytes=4.1, left_out=("Left out: logreg.",),
    )  # fmt: skip


@pytest.fixture(scope="session")
def search(search_result):
    """The page of such a search."""
    return search_page(search_result, f"data/{NASTY[0].replace('/', '')}.csv")


PAGES = (
    "model", "nasty", "no epochs", "many labels", "comparison", "several", "several, many labels",
    "several, nasty", "several, comparison", "search",
)  # fmt: skip


@pytest.fixture(scope="session")
def pages(make_report, nasty_report, comparison, make_several, several_comparison, search):
    """Make each of `PAGES`."""
    many = [f"label {i} of a long list of labels" for i in range(40)]
    return {
        "model": lambda: make_report().page(),
        "nasty": nasty_report.page,
        "no epochs": lambda: make_report(n_epochs=0).page(),
        "many labels": lambda: make_report(many, n=900).page(),
        "comparison": lambda: comparison,
        "several": lambda: make_several().page(),
        "several, many labels": lambda: make_several(many, n=900).page(),
        "several, nasty": lambda: make_several(NASTY[:3], contents=list(NASTY)).page(),
        "several, comparison": lambda: several_comparison[1],
        "search": lambda: search,
    }
