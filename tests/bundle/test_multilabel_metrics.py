"""`metrics.json` and the model card of a model of several labels per text."""

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from pydantic import ValidationError

from wordgate.bundle.folder import Bundle, BundleFolder, write_bundle
from wordgate.bundle.metrics import (
    Metrics,
    MultilabelBaseline,
    MultilabelBaselines,
    MultilabelMetrics,
    MultilabelTeacherFacts,
    SplitFacts,
    metrics_schema,
    read_metrics,
)
from wordgate.bundle.summary import model_card
from wordgate.evaluation.calibration import TemperatureScaling
from wordgate.evaluation.intervals import PairedDifference
from wordgate.evaluation.multilabel import evaluate_multilabel
from wordgate.evaluation.thresholds import ScoredRows, choose_thresholds, measure_thresholds

LABELS = ("bad", "good")
SCHEMA = Path(__file__).parents[2] / "docs" / "metrics.schema.json"
DIFFERENCE = PairedDifference(difference=0.02, low=0.01, high=0.03, p_value=0.01, method="m")


@pytest.fixture(scope="module")
def metrics():
    rng = np.random.default_rng(0)
    true = (rng.random((90, 2)) < 0.4).astype(np.int64)
    log_proba = -np.logaddexp(0.0, 1.0 - 2.5 * true + rng.normal(size=true.shape))
    rows = ScoredRows(true, log_proba)
    gain = measure_thresholds(choose_thresholds(true, log_proba), "f1", LABELS, rows, rows)
    baseline = MultilabelBaseline(
        accuracy=0.3, macro_f1=0.4, micro_f1=0.5, log_loss=0.6, train_seconds=0.1
    )
    return MultilabelMetrics(
        **dict(evaluate_multilabel(true, log_proba, LABELS, None)),
        baselines=MultilabelBaselines(majority=baseline, count=baseline),
        difference_to_count=DIFFERENCE,
        split=SplitFacts(
            kind="grouped", seed=0, n_train=9, n_valid=1, n_test=90, n_test_groups=90,
            leaked_by_group=0, near_duplicates_in_train=0, reason="By 'id'.", warnings=[],
        ),
        calibration=TemperatureScaling.of(log_proba, true, 1.3),
        train_seconds=1.0, wall_seconds=2.0, peak_memory_mb=3.0, epochs=0, best_epoch=0,
        history=[], remarks=[], thresholds=gain,
    )  # fmt: skip


def test_it_is_read_as_what_it_is(metrics):
    content = json.loads(json.dumps(metrics.model_dump(mode="json"), allow_nan=False))
    assert content["multilabel"] is True
    assert content["coverage"] is None
    assert set(content["baselines"]["majority"]) == {
        "accuracy", "macro_f1", "micro_f1", "log_loss", "train_seconds",
    }  # fmt: skip
    assert read_metrics(content) == metrics
    with pytest.raises(ValidationError):
        read_metrics({**content, "confusion": [[1, 0], [0, 1]]})
    with pytest.raises(ValidationError):
        read_metrics({key: value for key, value in content.items() if key != "multilabel"})


def test_both_forms_fit_the_published_schema(metrics, count_model):
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    assert schema == metrics_schema()
    content = metrics.model_dump(mode="json")
    jsonschema.validate(content, schema)
    one = json.loads((count_model.folder / "metrics.json").read_text(encoding="utf-8"))
    assert "multilabel" not in one
    jsonschema.validate(one, schema)
    for broken in (content, one):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({k: v for k, v in broken.items() if k != "macro_over"}, schema)


def test_one_label_a_text_has_its_keys_in_their_order(count_model):
    folder = BundleFolder.open(count_model.folder)
    assert isinstance(folder.metrics(), Metrics)
    keys = list(json.loads((count_model.folder / "metrics.json").read_text(encoding="utf-8")))
    assert keys[:12] == [
        "accuracy", "macro_f1", "macro_precision", "macro_recall", "macro_over", "weighted_f1",
        "log_loss", "intervals", "per_class", "confusion", "n", "schema_version",
    ]  # fmt: skip


def test_a_bundle_keeps_it_and_its_card_shows_it(metrics, count_model, as_multilabel, tmp_path):
    folder = BundleFolder.open(as_multilabel(count_model.folder))
    config = folder.config()
    bundle = Bundle(config, folder.model(config), metrics, folder.fingerprints())
    write_bundle(bundle, tmp_path / "model")
    assert BundleFolder.open(tmp_path / "model").metrics() == metrics
    card = model_card(config.model_copy(update={"multilabel": True}), metrics)
    assert "It assigns any number of 2 labels to a text: `bad`, `good`." in card
    interval = metrics.intervals.micro_f1
    assert (
        f"| micro F1 | {metrics.micro_f1:.3f} |\n"
        f"| 95% interval | {interval.low:.3f} to {interval.high:.3f} |\n"
        f"| macro F1 | {metrics.macro_f1:.3f} |\n"
        f"| all labels correct | {metrics.accuracy:.3f} |"
    ) in card
    assert "micro F1 of most frequent label set | 0.500 |" in card
    assert f"- {metrics.thresholds.sentence()}\n" in card


def test_of_one_label_the_card_is_as_it_was(count_model):
    folder = BundleFolder.open(count_model.folder)
    card = model_card(folder.config(), folder.metrics())
    assert "It assigns one of 2 labels to a text: `bad`, `good`." in card
    assert f"| accuracy | {folder.metrics().accuracy:.3f} |\n| 95% interval |" in card
    assert "accuracy of most frequent label" in card


def test_its_baselines_are_named_as_what_they_are(metrics):
    assert metrics.difference_to_baseline("lstm") == ("the count baseline", DIFFERENCE)
    assert metrics.difference_to_baseline("count") == ("the most frequent label set", None)
    assert [name for name, _ in metrics.baselines.to_beat("lstm")] == [
        "count",
        "most frequent label set",
    ]


def test_its_teacher_is_measured_by_micro_f1():
    teacher = MultilabelTeacherFacts(
        name="minilm", accuracy=0.5, macro_f1=0.6, micro_f1=0.7, log_loss=0.1, agreement=0.8,
        difference=DIFFERENCE, n_labelled=1, n_unlabelled=0, n_left_out=0, n_variations=0,
        seconds=1.0,
    )  # fmt: skip
    assert teacher.sentence() == (
        "Teacher minilm: micro F1 0.700. Difference of the model from its teacher (thresholds of"
        " 0.5): +2.0 points (95% interval +1.0 to +3.0); both predict the same labels for"
        " 80.0% of the test rows."
    )
