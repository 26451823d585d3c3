import numpy as np
import pytest

from wordgate.bundle.metrics import (
    Baseline,
    Baselines,
    Epoch,
    Metrics,
    PairedDifference,
    SplitFacts,
)
from wordgate.evaluation.calibration import tempered
from wordgate.evaluation.metrics import evaluate
from wordgate.report.figures import Section
from wordgate.report.findings import HeldOut, Learning, find
from wordgate.report.model_report import ModelReport, Told
from wordgate.report.words import count_words

NASTY = (
    "<script>alert('x')</script>",
    "a \u202eturned\u202c text",
    "W" * 200,
    "👩‍👩‍👧" * 40,
    "NUL \x00, escape \x1b[31m and half a pair \ud800",
    "مرحبا بالعالم " * 20,
)


def _learning(n_epochs):
    history = [
        Epoch(epoch=i, seconds=1.0, texts_per_second=100.0, learning_rate=0.1,
              train_loss=1 / i, train_accuracy=1 - 0.5 / i, valid_loss=1 / i + 0.1,
              valid_accuracy=0.9 - 0.4 / i)
        for i in range(1, n_epochs + 1)
    ]  # fmt: skip
    return Learning(history, min(2, n_epochs))


def _metrics(scores, n_epochs):
    learning = _learning(n_epochs)
    baseline = Baseline(accuracy=0.4, macro_f1=0.3, log_loss=1.1, train_seconds=0.1)
    return Metrics(
        **scores.as_dict(),
        baselines=Baselines(majority=baseline, count=baseline),
        difference_to_count=PairedDifference(
            difference=0.02, low=-0.01, high=0.05, p_value=0.00002, method="by groups"
        ),
        split=SplitFacts(
            kind="grouped", seed=0, n_train=900, n_valid=100, n_test=scores.n, n_test_groups=100,
            leaked_by_group=7, near_duplicates_in_train=5, reason="Grouped by column 'id'.",
            warnings=["A remark on the split."],
        ),
        train_seconds=1.0, wall_seconds=2.0, peak_memory_mb=100.0, epochs=n_epochs,
        best_epoch=learning.best_epoch, remarks=[], history=learning.history,
    )  # fmt: skip


@pytest.fixture(scope="session")
def make_report():
    """Make the report on a model of three labels and 300 rows, three of a group."""

    def make(labels=("negative", "neutral", "positive"), contents=None, told=None, n_epochs=5,
             n=300, **options):  # fmt: skip
        rng = np.random.default_rng(0)
        k = len(labels)
        targets = rng.integers(k, size=n)
        score = rng.normal(size=(n, k))
        score[np.arange(n), targets] += 1.5
        log_proba = tempered(score, 1.0)
        groups = [f"g{i // 3}" for i in range(n)]
        texts = contents or [f"the text number {i} is about lamps" for i in range(n)]
        texts = [texts[i % len(texts)] for i in range(n)]
        scores = evaluate(targets, log_proba, labels, groups)
        told = told or Told("lstm on reviews.csv", "It is right on most new texts.")
        held = HeldOut(log_proba, targets, texts, list(range(1001, 1001 + n)), groups)
        options = {"temperature": 1.7, "untempered": tempered(log_proba, 1 / 1.7)} | options
        words = count_words(texts, ["the text is about lamps"])
        findings = find(scores, held, words, **options)
        return ModelReport(told, _metrics(scores, n_epochs), findings)

    return make


@pytest.fixture(scope="session")
def nasty_report(make_report):
    """Make a report in which whatever comes from the data does harm."""
    told = Told(
        NASTY[0], NASTY[1], NASTY, [Section(one, [one], (one, one), [(one, one)]) for one in NASTY],
        NASTY, [(one, one) for one in NASTY],
    )  # fmt: skip
    return make_report(labels=NASTY[:3], contents=list(NASTY), told=told)


@pytest.fixture(scope="session")
def comparison(make_report):
    """A ladder of three families on two splits."""
    from wordgate.report.comparison_report import ComparisonReport, Difference, Rung, Trial

    def trial(kind, accuracy, difference):
        return Trial(
            kind, accuracy, accuracy - 0.02, accuracy + 0.02, accuracy - 0.01, accuracy - 0.03,
            accuracy + 0.01, difference, 10.0, 20_000.0, 3.2,
        )  # fmt: skip

    step = Difference(3.0, 1.2, 4.8, 0.0004)
    rungs = [
        Rung(name, [trial("grouped", 0.6 + 0.03 * i, step if i else None),
                    trial("random", 0.9 + 0.03 * i, step if i else None)])
        for i, name in enumerate(["counts <&>", "averaged vectors", "lstm " + "W" * 200])
    ]  # fmt: skip
    return ComparisonReport(
        "Three families on reviews.csv", ["Take the lstm.", "It is best on new texts."], rungs,
        ("family", "grouped"), [(rung.name, "0.6") for rung in rungs], ["90 % leak."],
        ["Fitted once."], [("wordgate", "0.1.0")], advised=rungs[1].name,
        looks=[(rung.name, make_report().findings, _learning(5)) for rung in rungs],
        audit=[Section("Texts", ["300 rows."])],
    )  # fmt: skip
