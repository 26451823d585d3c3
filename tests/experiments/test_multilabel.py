"""Several labels per text, from a table to an evaluated model, in every workflow."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score, hamming_loss

import wordgate
from wordgate.cli.train import _format_folds
from wordgate.errors import DataError, SettingsError
from wordgate.experiments import students, training_run
from wordgate.runtime.progress import Silent

WORDS = {
    "billing": ("invoice", "charged", "refund"),
    "bug": ("crash", "error", "freeze"),
    "speed": ("slow", "lag", "delay"),
}
READING = {"text": "text", "label": "labels", "progress": Silent()}
LSTM = {"lstm.epochs": 2, "lstm.hidden_size": 8, "lstm.embedding_size": 8}


def _frame(n=400, seed=0, noise=0.2):
    rng = np.random.default_rng(seed)
    texts, sets = [], []
    for _ in range(n):
        labels = [label for label in WORDS if rng.random() < 0.4]
        shown = [label for label in labels if rng.random() > noise]
        words = [f"item{rng.integers(80)}" for _ in range(5)]
        words += [str(rng.choice(WORDS[label])) for label in shown]
        texts.append(" ".join(rng.permutation(words)))
        sets.append(labels)
    return pd.DataFrame({"text": texts, "labels": sets})


@pytest.fixture(scope="module")
def frame():
    return _frame()


@pytest.fixture(scope="module")
def training(frame):
    return wordgate.train(frame, model="count", **READING)


def test_a_model_of_several_labels_is_trained_and_evaluated(training):
    metrics = training.metrics
    assert metrics.multilabel is True
    assert training.predictor.labels == ("billing", "bug", "speed")
    assert metrics.micro_f1 > 0.7
    assert metrics.baselines.count.micro_f1 == metrics.micro_f1
    assert metrics.difference_to_count.difference == 0.0
    assert metrics.difference_to_majority.difference > 0.0
    assert [one.threshold for one in metrics.per_class] == training.bundle.config.thresholds
    assert metrics.thresholds.objective == "f1"
    assert metrics.coverage is None


def test_the_scores_are_those_of_scikit_learn(training, frame):
    evaluation = training.metrics
    unseen = _frame(300, seed=1)
    given = training.predictor.predict(unseen.text)
    labels = training.predictor.labels
    true, predicted = (
        np.array([[label in row for label in labels] for row in rows], int)
        for rows in (unseen.labels, given)
    )
    assert f1_score(true, predicted, average="micro") == pytest.approx(evaluation.micro_f1, abs=0.1)
    assert hamming_loss(true, predicted) < 0.2


def test_a_saved_model_is_evaluated_as_scikit_learn_does(training, tmp_path):
    training.save(tmp_path / "model")
    unseen = _frame(300, seed=1)
    scores = wordgate.evaluate(tmp_path / "model", unseen, text="text", label="labels").scores
    predictor = wordgate.load(tmp_path / "model")
    true, predicted = (
        np.array([[label in row for label in predictor.labels] for row in rows], int)
        for rows in (unseen.labels, predictor.predict(unseen.text))
    )
    assert scores.micro_f1 == pytest.approx(f1_score(true, predicted, average="micro"))
    assert scores.macro_f1 == pytest.approx(f1_score(true, predicted, average="macro"))
    assert scores.accuracy == pytest.approx(accuracy_score(true, predicted))
    assert scores.hamming_loss == pytest.approx(hamming_loss(true, predicted))


def test_a_model_keeps_its_thresholds_separator_and_kind(frame, tmp_path):
    cells = frame.assign(labels=frame.labels.map("|".join))
    training = wordgate.train(
        cells, model="count", out=tmp_path / "model", label_separator="|", **READING
    )
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["multilabel"] is True
    assert config["label_separator"] == "|"
    assert config["thresholds"] == training.bundle.config.thresholds
    text = frame.text[0]
    assert wordgate.load(tmp_path / "model").predict(text) == training.predictor.predict(text)


def test_the_objective_none_gives_labels_from_one_half_on(frame):
    training = wordgate.train(frame, model="count", settings={"objective": "none"}, **READING)
    assert training.bundle.config.thresholds is None
    assert training.metrics.thresholds is None
    assert {one.threshold for one in training.metrics.per_class} == {0.5}


def test_the_objective_decides_what_thresholds_are_chosen_for(frame):
    found = {}
    for objective in ("precision@0.95", "recall@0.95"):
        settings = {"objective": objective}
        found[objective] = wordgate.train(frame, model="count", settings=settings, **READING)
    strict, mild = (found[name].metrics for name in ("precision@0.95", "recall@0.95"))
    assert strict.micro_precision > mild.micro_precision
    assert strict.micro_recall < mild.micro_recall


def test_costs_by_label_move_the_thresholds_of_these_labels(frame, tmp_path):
    costs = tmp_path / "costs.toml"
    costs.write_text("[bug]\nfalse_negative = 20\n[speed]\nfalse_positive = 20\n")
    settings = {"objective": str(costs)}
    training = wordgate.train(frame, model="count", settings=settings, **READING)
    thresholds = training.predictor.thresholds
    assert thresholds["bug"] < thresholds["billing"] < thresholds["speed"]
    assert training.metrics.thresholds.objective == "costs by label"
    assert training.metrics.thresholds.test_cost < training.metrics.thresholds.test_cost_at_half
    assert training.bundle.config.settings["objective"]["bug"]["false_negative"] == 20.0
    costs.write_text("[bugs]\nfalse_negative = 20\n")
    with pytest.raises(SettingsError) as error:
        wordgate.train(frame, model="count", settings=settings, **READING)
    assert str(error.value) == (
        "objective names the label 'bugs', which the data does not have; did you mean 'bug'?"
    )


def test_of_two_classes_either_may_have_costs(frame):
    two = frame.assign(labels=["bug" if "bug" in row else "none" for row in frame.labels])
    found = [
        wordgate.train(two, model="count", settings={"objective": {label: costs}}, **READING)
        for label, costs in (
            ("none", {"false_positive": 3, "false_negative": 2}),
            ("bug", {"false_positive": 2, "false_negative": 3}),
        )
    ]
    assert found[0].metrics.thresholds == found[1].metrics.thresholds
    assert found[0].metrics.thresholds.objective == "cost@3:2"
    both = {"bug": {"false_positive": 2}, "none": {"false_positive": 2}}
    with pytest.raises(
        SettingsError, match=r"^objective names both labels; for binary classification"
    ):
        wordgate.train(two, model="count", settings={"objective": both}, **READING)


def test_two_classes_have_thresholds_where_an_objective_is_named(frame):
    two = frame.assign(labels=["bug" if "bug" in row else "other" for row in frame.labels])
    plain = wordgate.train(two, model="count", **READING)
    chosen = wordgate.train(two, model="count", settings={"objective": "recall@0.9"}, **READING)
    assert plain.bundle.config.thresholds is None
    assert sum(chosen.bundle.config.thresholds) == pytest.approx(1.0)
    assert chosen.metrics.thresholds.objective == "recall@0.9"
    texts = two.text.tolist()
    given = np.array(chosen.predictor.predict(texts)) == "other"
    proba = chosen.predictor.predict_proba(texts)[:, 1]
    assert np.array_equal(given, proba >= chosen.bundle.config.thresholds[1])


def test_an_objective_is_refused_where_the_most_probable_of_three_classes_is_given():
    rows = [(f"a fine {word} {i}", word) for i in range(30) for word in ("lamp", "desk", "sofa")]
    three = pd.DataFrame(rows, columns=["text", "labels"])
    with pytest.raises(SettingsError, match=r"objective has no effect with 3 classes"):
        wordgate.train(three, model="count", settings={"objective": "f1"}, **READING)


def test_folds_have_thresholds_of_their_own(frame):
    training = wordgate.train(frame, model="count", folds=3, **READING)
    folds = training.metrics.folds
    assert folds.micro_f1 > 0.7
    assert len(folds.folds) == 3
    assert sum(fold.n_test for fold in folds.folds) == len(frame)
    _, difference = training.metrics.difference_to_baseline("lstm")
    folds = folds.model_copy(update={"difference_to_count": difference})
    assert " points of micro F1, " in _format_folds("lstm", training.metrics, folds)


def test_families_are_compared_by_micro_f1(frame, tmp_path):
    options = {"models": ["count", "lstm"], "split": "grouped", "settings": LSTM, **READING}
    comparison = wordgate.compare(frame, out=tmp_path / "comparison", **options)
    count, lstm = (comparison.result(name, "grouped").scores for name in ("count", "lstm"))
    [test] = comparison.paired_tests
    assert test.difference.difference == pytest.approx(lstm.micro_f1 - count.micro_f1)
    written = json.loads((tmp_path / "comparison" / "comparison.json").read_text())
    assert written["results"][0]["scores"]["micro_f1"] == count.micro_f1
    page = comparison._repr_html_()
    assert "micro F1" in page
    assert "accuracy" not in page.partition("</table>")[0]
    for scores in (count, lstm):
        assert f"{scores.micro_f1:.3f}" in page
        assert str(scores.main.interval) in page


@pytest.mark.slow
def test_comparing_on_folds_agrees_with_the_models_of_the_folds(frame):
    options = {"split": "grouped", "folds": 3, **READING}
    comparison = wordgate.compare(frame, models=["count"], **options)
    training = wordgate.train(frame, model="count", folds=3, **READING)
    result = comparison.result("count", "grouped")
    assert result.scores.micro_f1 == training.metrics.folds.micro_f1


@pytest.mark.slow
def test_a_saved_model_teaches_another_of_several_labels(frame, training, tmp_path):
    training.save(tmp_path / "teacher")
    settings = {"teacher.variations": 1, **LSTM}
    taught = wordgate.train(
        frame, model="lstm", teacher=str(tmp_path / "teacher"), settings=settings, **READING
    )
    settings = settings | {"class_weight": {"bug": 30.0}}
    weighed = wordgate.train(
        frame, model="lstm", teacher=str(tmp_path / "teacher"), settings=settings, **READING
    )
    less, more = (one.predictor.predict_proba(frame.text).mean(axis=0) for one in (taught, weighed))
    assert more[1] - less[1] > max(more[0] - less[0], more[2] - less[2], 0)
    facts = taught.metrics.teacher
    assert facts.micro_f1 == pytest.approx(training.metrics.micro_f1, abs=0.05)
    assert taught.metrics.multilabel


def test_a_student_is_compared_with_its_teacher_without_thresholds(frame, monkeypatch):
    """A student that predicts just what its teacher does is no different, whatever it chose."""
    two = frame.assign(labels=["bug" if "bug" in row else "other" for row in frame.labels])
    for rows, objective in ((frame, "auto"), (two, "recall@0.9")):
        measured = []

        def fit(plan, fold, context, real=students.fit_model, measured=measured):
            model, _ = real(plan, fold, context)
            log_proba = model.output(fold.test.texts).log_proba
            measured.append(model.thresholds)
            return model, students.DistillationResult(
                "itself", log_proba, 0, 0, 0, 0, 0, 0.0, None, {}
            )

        with monkeypatch.context() as patched:
            patched.setattr(training_run, "fit_model", fit)
            settings = {"objective": objective}
            run = wordgate.train(rows, model="count", settings=settings, **READING)
        assert measured[0] is not None
        assert np.ptp(measured[0]) + abs(measured[0][0] - 0.5) > 0.05
        assert run.metrics.teacher.agreement == 1.0
        assert run.metrics.teacher.difference.difference == 0.0


def test_a_teacher_of_one_label_a_text_is_refused(frame, tmp_path):
    one = frame[frame.labels.map(len) == 1]
    single = one.assign(labels=[row[0] for row in one.labels])
    wordgate.train(single, model="count", out=tmp_path / "teacher", **READING)
    with pytest.raises(
        SettingsError, match="assigns one label to a text, but a text of the data has"
    ):
        wordgate.train(frame, model="lstm", teacher=str(tmp_path / "teacher"), **READING)


def test_a_model_of_one_label_a_text_is_not_evaluated_on_several(frame, tmp_path):
    one = frame[frame.labels.map(len) == 1]
    single = one.assign(labels=[row[0] for row in one.labels])
    wordgate.train(single, model="count", out=tmp_path / "model", **READING)
    with pytest.raises(DataError, match="have several labels each, and the model assigns"):
        wordgate.evaluate(tmp_path / "model", frame, text="text", label="labels")
    joined = frame[frame.labels.map(len) > 0].assign(labels=lambda rows: rows.labels.map(";".join))
    with pytest.raises(DataError) as error:
        wordgate.evaluate(tmp_path / "model", joined, text="text", label="labels")
    assert (
        ". 'billing;bug' is several labels of the model, separated by ';', and the model gives each"
        " text one: evaluate it on one label per text, or train one for several with"
        " --label-separator ';'\nTo leave such rows out: --drop-label 'billing;bug'"
    ) in str(error.value)


def test_another_separator_than_in_training_is_named(frame, training, tmp_path):
    training.save(tmp_path / "model")
    joined = frame[frame.labels.map(len) > 1].assign(labels=lambda rows: rows.labels.map("/".join))
    judge = {"text": "text", "label": "labels"}
    with pytest.raises(DataError) as error:
        wordgate.evaluate(tmp_path / "model", joined, label_separator=";", **judge)
    assert str(error.value).endswith(
        "it has billing, bug, speed. 'billing/bug' is several labels of the model, separated by"
        " '/': use --label-separator '/'"
    )
    scores = wordgate.evaluate(tmp_path / "model", joined, label_separator="/", **judge).scores
    assert scores.n == len(joined)


def test_a_model_of_several_labels_is_evaluated_on_one_a_text(frame, training, tmp_path):
    training.save(tmp_path / "model")
    one = frame[frame.labels.map(len) == 1].assign(labels=lambda rows: [r[0] for r in rows.labels])
    scores = wordgate.evaluate(tmp_path / "model", one, text="text", label="labels").scores
    assert scores.n == len(one)
    assert scores.cooccurrence[0][1] == 0


def test_unknown_labels_are_counted_by_name(frame, training, tmp_path):
    training.save(tmp_path / "model")
    other = frame.assign(labels=[[*row, "bugs"] for row in frame.labels])
    with pytest.raises(DataError, match=r"'bugs' \(400 rows\); did you mean 'bug'"):
        wordgate.evaluate(tmp_path / "model", other, text="text", label="labels")


def test_saved_models_of_several_labels_are_compared(frame, training, tmp_path):
    training.save(tmp_path / "a")
    wordgate.train(
        frame, model="count", out=tmp_path / "b", settings={"objective": "none"}, **READING
    )
    unseen = _frame(200, seed=2)
    found = wordgate.compare_models(
        [tmp_path / "a", tmp_path / "b"], unseen, text="text", label="labels"
    )
    first, second = (model.evaluation for model in found.models)
    expected = second.scores.micro_f1 - first.scores.micro_f1
    assert second.difference.difference == pytest.approx(expected)
    assert 0 < second.agreement <= 1


def test_columns_of_zero_and_one_train_the_same_model(frame, training):
    columns = frame[["text"]].assign(
        **{label: [int(label in row) for row in frame.labels] for label in WORDS}
    )
    other = wordgate.train(
        columns, model="count", text="text", label=list(WORDS), progress=Silent()
    )
    texts = frame.text[:20].tolist()
    same = other.predictor.predict_proba(texts) == training.predictor.predict_proba(texts)
    assert same.all()


def test_test_rows_without_any_label_are_refused_before_the_fit(frame):
    parts = ["test" if place < 30 else "train" for place in range(len(frame))]
    labels = [[] if part == "test" else row for part, row in zip(parts, frame.labels, strict=True)]
    table = frame.assign(labels=labels, part=parts)
    with pytest.raises(DataError, match="none of the 30 test rows has a label"):
        wordgate.train(table, model="count", split_column="part", **READING)
