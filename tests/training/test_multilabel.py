"""Several labels per text: every family learns them, and can be resumed."""

import math
import shutil
from functools import partial

import numpy as np
import pytest
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.multiclass import OneVsRestClassifier
from tests.conftest import RecordingProgress

from wordgate.data.dataset import Dataset
from wordgate.evaluation.metrics import macro_f1
from wordgate.training import logistic
from wordgate.training.fitting import (
    CheckpointConfig,
    FitData,
    predicted_labels,
    prior_log_odds,
    run_config,
    validation_scores,
)
from wordgate.training.logistic import Linear, Trial, fit_path

LABELS = 4
FAST = {
    "count": {},
    "logreg": {"average_weights": "plain"},
    "mlp": {
        "average_weights": "plain",
        "mlp_hidden_size": 32,
        "mlp_batch_size": 16,
        "mlp_learning_rate": 1e-2,
    },
    "lstm": {
        "lstm_epochs": 12,
        "lstm_embedding_size": 12,
        "lstm_hidden_size": 12,
        "lstm_learning_rate": 2e-2,
        "lstm_embedding_learning_rate": 2e-2,
    },
    "transformer": {
        "transformer_max_tokens": 16,
        "transformer_epochs": 8,
        "transformer_min_updates": 0,
        "transformer_batch_size": 16,
        "transformer_learning_rate": 1e-2,
    },
}


def make_rows(n, seed=0):
    """Texts of 0 to 12 of thirty words; five words each decide a label, and no word the last."""
    rng = np.random.default_rng(seed)
    rows = [rng.integers(0, 30, length) for length in rng.integers(0, 13, n)]
    texts = [" ".join(f"w{word}" for word in row) for row in rows]
    targets = np.array([[np.any(row // 5 == label) for label in range(LABELS)] for row in rows])
    targets[:, -1] = rng.random(n) < 0.1
    return Dataset(texts, targets.astype(np.int64))


@pytest.fixture(params=FAST)
def family(request):
    return request.param


@pytest.fixture
def fit_family(fit_any):
    def call(family, train, valid, **options):
        return fit_any(family, train, valid, classes=LABELS, **{**FAST[family], **options})

    return call


def test_every_family_learns_several_labels(family, fit_family):
    train, valid, new = make_rows(400), make_rows(200, seed=1), make_rows(200, seed=2)
    fitted = fit_family(family, train, valid)
    log_proba = fitted.model.log_proba(new.texts)
    assert log_proba.shape == (200, LABELS)
    assert fitted.model.state()[0]["multilabel"] is True
    constant = np.tile(-np.logaddexp(0, -prior_log_odds(train.targets)), (200, 1))
    losses = [validation_scores(each, new.targets)[1] for each in (log_proba, constant)]
    # Averages see only the first words' vectors stand out.
    assert losses[0] < (0.9 if family in ("logreg", "mlp") else 0.6) * losses[1]
    if family in ("count", "lstm", "transformer"):
        given = predicted_labels(log_proba)[:, :-1]
        assert f1_score(new.targets[:, :-1], given, average="micro") > 0.9


def test_validation_scores_are_those_of_the_model(family, fit_family):
    train, valid = make_rows(200), make_rows(100, seed=1)
    fitted = fit_family(family, train, valid)
    if not fitted.history:
        accuracy, loss = validation_scores(fitted.model.log_proba(valid.texts), valid.targets)
        assert f"by validation log loss ({loss:.3f})" in fitted.remarks[-1]
        return
    best = fitted.history[fitted.best_epoch - 1]
    log_proba = fitted.model.log_proba(valid.texts)
    accuracy, loss = validation_scores(log_proba, valid.targets)
    assert best.valid_loss == pytest.approx(loss, abs=1e-5)
    assert best.valid_accuracy == pytest.approx(accuracy, abs=0.02)
    theirs = f1_score(valid.targets, predicted_labels(log_proba), average="macro", zero_division=0)
    assert best.valid_macro_f1 == pytest.approx(theirs, abs=0.02)


def test_the_epoch_of_the_lowest_loss_is_kept(fit_family):
    train, valid = make_rows(60), make_rows(100, seed=1)
    for family in ("mlp", "lstm", "transformer"):
        patience = {f"{family}_patience": 30, f"{family}_epochs": 15}
        fitted = fit_family(family, train, valid, **patience)
        losses = [epoch.valid_loss for epoch in fitted.history]
        assert fitted.best_epoch == 1 + int(np.argmin(losses))


def test_an_lstm_is_chosen_by_accuracy_where_a_user_says_so(fit_family, settings, fit_model):
    train, valid = make_rows(60), make_rows(100, seed=1)
    from wordgate.settings import load_settings
    from wordgate.training.lstm import _epoch_score

    data = FitData(train, valid, [str(number) for number in range(LABELS)])
    assert _epoch_score(data, load_settings("default")) == "loss"
    assert _epoch_score(data, load_settings("taught")) == "last"
    asked = load_settings("default", {"lstm.epoch_score": "accuracy"})
    assert _epoch_score(data, asked) == "accuracy"
    one = FitData(Dataset(["a"], np.array([0])), valid, ["0", "1"])
    assert _epoch_score(one, load_settings("default")) == "accuracy+macro-f1"


def test_early_ends_and_epochs_name_the_loss(fit_family):
    progress = RecordingProgress()
    train, valid = make_rows(60), make_rows(60, seed=1)
    fitted = fit_family("lstm", train, valid, progress=progress, lstm_epochs=3)
    best = fitted.history[fitted.best_epoch - 1]
    assert progress.lines[-1].endswith(
        f": best validation loss {best.valid_loss:.3f} in epoch {fitted.best_epoch}"
    )
    lines = [line for line in progress.lines if line.startswith("epoch 1/3")]
    assert f"valid loss {fitted.history[0].valid_loss:.3f} (best so far)" in lines[0]


def test_probabilities_can_be_learned_in_place_of_labels(fit_family):
    """A teacher's: half of the texts' probability goes the other way."""
    train, valid = make_rows(300), make_rows(100, seed=1)
    soft = (0.25 + 0.5 * train.targets).astype(np.float32)
    taught = Dataset(train.texts, train.targets, None, soft)
    options = {"mlp_patience": 40, "mlp_epochs": 40, "lstm_patience": 12}
    for family in ("mlp", "lstm"):
        model = fit_family(family, taught, valid, **options).model
        proba = np.exp(model.log_proba(train.texts))
        assert proba.mean(axis=0) == pytest.approx(soft.mean(axis=0), abs=0.1)
        assert np.quantile(proba, 0.02) > 0.1
        assert np.quantile(proba, 0.98) < 0.9


def outcome(fitted):
    arrays = {name: array.tobytes() for name, array in fitted.model.state()[1].items()}
    history = [
        {name: value for name, value in vars(epoch).items() if "second" not in name}
        for epoch in fitted.history
    ]
    return arrays, history, fitted.best_epoch, fitted.remarks


@pytest.mark.parametrize("family", ["mlp", "lstm", "transformer"])
def test_a_training_resumed_at_an_update_ends_in_the_same_bits(
    family, fit_family, tmp_path, monkeypatch
):
    from wordgate.training.checkpoint import Checkpoint

    train, valid = make_rows(90), make_rows(40, seed=1)
    options = {f"{family}_epochs": 2, f"{family}_batch_size": 30}
    expected = outcome(fit_family(family, train, valid, **options))
    copies, real = [], Checkpoint.save

    def save_and_copy(self, state):
        real(self, state)
        copies.append(shutil.copy(self.file, tmp_path / f"copy-{len(copies)}"))

    with monkeypatch.context() as patched:
        patched.setattr(Checkpoint, "is_due", lambda self: True)
        patched.setattr(Checkpoint, "save", save_and_copy)
        kept = CheckpointConfig(tmp_path / "model.checkpoint")
        assert outcome(fit_family(family, train, valid, checkpoint=kept, **options)) == expected
    assert len(copies) > 4
    for copy in copies[:: max(1, len(copies) // 5)]:
        resumed = CheckpointConfig(copy, resume=True)
        assert outcome(fit_family(family, train, valid, checkpoint=resumed, **options)) == expected


def test_a_checkpoint_knows_whether_a_text_may_have_several_labels(settings):
    texts = ["a", "b"]
    one, several = Dataset(texts, np.array([0, 1])), Dataset(texts, np.array([[0], [1]]))
    configs = [run_config([each], 1, settings(), 0, {}) for each in (one, several)]
    assert [config["labels"] for config in configs] == ["1", "1, several per text"]


# Logistic regression


def data(n=150, features=7, labels=5, seed=0):
    """Features of very different scales, some of them mostly 0; rare labels and frequent ones."""
    rng = np.random.default_rng(seed)
    made = rng.normal(size=(n, features)) * 10.0 ** rng.uniform(-2, 1, features)
    made *= rng.random((n, features)) < rng.uniform(0.2, 1, features)
    scores = made / made.std(axis=0) @ rng.normal(size=(features, labels))
    scores += np.linspace(-2, 1, labels) + rng.logistic(size=scores.shape)
    return made.astype(np.float32), (scores > 0).astype(np.int64)


def fitted(features, targets, strengths, *, steps=500, tolerance=0.0):
    path = fit_path(
        features, targets, targets.shape[1], strengths, most_steps=steps, tolerance=tolerance,
        deadline=math.inf,
    )  # fmt: skip
    return dict(path)


@pytest.mark.parametrize("kind", [np.asarray, csr_matrix], ids=["dense", "sparse"])
def test_it_is_scikit_learns_optimum_for_each_label(kind):
    features, targets = data()
    for c, linear in fitted(kind(features), targets, [0.01, 1.0, 30.0]).items():
        one = LogisticRegression(C=c, solver="newton-cg", max_iter=500, tol=1e-8)
        theirs = OneVsRestClassifier(one).fit(features.astype(np.float64), targets)
        expected = theirs.predict_proba(features.astype(np.float64))
        assert np.exp(linear.log_proba(kind(features))) == pytest.approx(expected, abs=2e-3)


def test_the_few_steps_of_a_training_come_close():
    features, targets = data(n=400)
    targets[:, 0] = np.arange(400) < 4  # a rare one
    few = fitted(features, targets, [1.0], steps=20, tolerance=logistic.TOLERANCE)[1.0]
    best = fitted(features, targets, [1.0])[1.0]
    losses = [validation_scores(each.log_proba(features), targets)[1] for each in (few, best)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-3)
    of_rare = [validation_scores(each.log_proba(features)[:, :1], targets[:, :1])[1]
               for each in (few, best)]  # fmt: skip
    assert of_rare[0] == pytest.approx(of_rare[1], rel=0.05)


def test_time_that_is_up_leaves_out_a_penalty_of_which_only_some_labels_are_fitted(monkeypatch):
    features, targets = data(labels=3)
    whole = fitted(features, targets, [0.1, 1.0])
    calls, minimised = [], logistic._minimised

    def fit_until_time_is_up(*arguments):
        calls.append(arguments)
        if len(calls) == 4:  # the first label of the second strength
            monkeypatch.setattr(logistic.time, "monotonic", lambda: math.inf)
        return minimised(*arguments)

    monkeypatch.setattr(logistic, "_minimised", fit_until_time_is_up)
    late = fitted(features, targets, [0.1, 1.0])
    assert list(late) == [0.1]
    assert np.array_equal(late[0.1].coefficients, whole[0.1].coefficients)


def test_a_label_that_all_texts_bear_or_none_is_answered_by_how_frequent_it_is():
    features, targets = data()
    targets[:, 1], targets[:, 3] = 0, 1
    here = fitted(features, targets, [1.0])[1.0].log_proba(features)
    assert np.exp(here)[:, 1] == pytest.approx(np.full(150, 1 / 152))
    assert np.exp(here)[:, 3] == pytest.approx(np.full(150, 151 / 152))
    rest = fitted(features, targets[:, [0, 2, 4]], [1.0])[1.0].log_proba(features)
    assert here[:, [0, 2, 4]] == pytest.approx(rest, abs=1e-2)
    constant = fitted(features, np.zeros((150, 2), np.int64), [1.0])[1.0]
    assert np.exp(constant.log_proba(features)) == pytest.approx(np.full((150, 2), 1 / 152))


def test_the_lower_log_loss_beats_more_texts_that_are_right():
    layer = Linear(np.zeros((1, 2), np.float32), np.zeros(2), multilabel=True)
    better, worse = Trial(1.0, layer, 0.1, 0.2), Trial(1.0, layer, 0.9, 0.3)
    assert better.beats(worse)
    assert not worse.beats(better)
    assert not better.beats(better)
    assert better.beats(None)


def test_word_counts_are_scikit_learns_one_versus_rest(fit_family, monkeypatch):
    exact = partial(logistic.fit_path, most_steps=500, tolerance=0.0)
    monkeypatch.setattr(logistic, "fit_path", exact)
    train, new = make_rows(120), [*make_rows(40, seed=2).texts, "unheard of", ""]
    ours = fit_family("count", train, make_rows(40, seed=1), count_c=5.0).model
    vectorizers = [
        TfidfVectorizer(**options, sublinear_tf=True, min_df=2)
        for options in (
            {"token_pattern": r"\w+", "ngram_range": (1, 3)},
            {"analyzer": "char_wb", "ngram_range": (2, 5)},
        )
    ]
    features = hstack([one.fit_transform(train.texts) for one in vectorizers]).tocsr()
    theirs = OneVsRestClassifier(LogisticRegression(C=5.0, max_iter=1000, tol=1e-8))
    theirs.fit(features, train.targets)
    expected = theirs.predict_proba(hstack([one.transform(new) for one in vectorizers]).tocsr())
    assert np.exp(ours.log_proba(new)) == pytest.approx(expected, abs=5e-3)


def test_constant_labels_are_fitted_by_every_family(family, fit_family):
    train = make_rows(60)
    train.targets[:, 1], train.targets[:, 2] = 0, 1
    proba = np.exp(fit_family(family, train, make_rows(40, seed=1)).model.log_proba(["w1", ""]))
    assert proba[:, 1].max() < 0.2
    assert proba[:, 2].min() > 0.8


# Losses and scores


def test_scores_are_scikit_learns():
    rng = np.random.default_rng(0)
    targets = (rng.random((50, 3)) < 0.3).astype(np.int64)
    log_proba = np.log(rng.random((50, 3)))
    accuracy, loss = validation_scores(log_proba, targets)
    proba = np.exp(log_proba)
    assert accuracy == accuracy_score(targets, proba >= 0.5)
    expected = -np.where(targets == 1, np.log(proba), np.log1p(-proba)).mean()
    assert loss == pytest.approx(expected)
    given = predicted_labels(log_proba)
    assert macro_f1(targets, given, 3) == pytest.approx(f1_score(targets, given, average="macro"))


def test_a_certainty_that_is_wrong_counts_as_36_nats():
    log_proba = np.array([[0.0, -np.inf], [0.0, -np.inf]])
    accuracy, loss = validation_scores(log_proba, np.array([[1, 0], [0, 1]]))
    assert (accuracy, loss) == (0.5, pytest.approx(36.04 / 2, abs=0.01))


def test_no_label_with_rows_has_the_macro_f1_0():
    nothing = np.zeros((5, 2), np.int64)
    assert macro_f1(nothing, nothing.astype(bool), 2) == 0.0


def test_log_odds_are_never_certain():
    targets = np.array([[0, 1, 1], [0, 1, 0], [0, 1, 0]])
    assert np.exp(prior_log_odds(targets)) == pytest.approx([1 / 4, 4, 2 / 3])
    assert np.exp(prior_log_odds(targets.astype(np.float32))) == pytest.approx([1 / 4, 4, 2 / 3])
