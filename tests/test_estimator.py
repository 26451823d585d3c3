import numpy as np
import pandas
import polars
import pytest
import scipy.sparse
import sklearn
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score
from sklearn.model_selection import GridSearchCV, GroupKFold, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

import wordgate
from wordgate import WordgateClassifier
from wordgate.errors import BundleError, DataError, SettingsError


@pytest.fixture(scope="module")
def data():
    """Texts, labels and groups: what is good comes before what is bad, or after."""
    rows = [
        (f"We {mood} the {thing} {n} {turn}", label, f"g{n}")
        for n in range(30)
        for turn in ("today", "again", "still")
        for label, mood in [(("bad", "good")[n % 2], ("hate", "love")[n % 2])]
        for thing in [("lamp", "kettle", "radio")[n % 3]]
    ]
    texts, labels, groups = zip(*rows, strict=True)
    return list(texts), list(labels), list(groups)


def counting(**options):
    return WordgateClassifier(model="count", **options)


def refusal(error, act):
    with pytest.raises(error) as caught:
        act()
    return str(caught.value)


def test_parameters_are_got_set_and_cloned():
    classifier = WordgateClassifier(hidden_size=9, settings={"lstm.epochs": 1}, random_state=3)
    parameters = classifier.get_params()
    names = ("hidden_size", "random_state", "model")
    assert [parameters[name] for name in names] == [9, 3, "lstm"]
    copy = clone(classifier)
    assert copy is not classifier
    assert copy.get_params() == parameters
    assert copy.set_params(epochs=2).epochs == 2
    assert (
        repr(classifier)
        == "WordgateClassifier(hidden_size=9, random_state=3, settings={'lstm.epochs': 1})"
    )
    with pytest.raises(ValueError, match="Invalid parameter 'hiden_size'"):
        classifier.set_params(hiden_size=3)


def test_constructing_checks_and_changes_nothing():
    settings = {"no_such": 1}
    assert WordgateClassifier(settings=settings, random_state=-1).settings is settings


def test_it_must_be_fitted_first(tmp_path):
    for act in ("predict", "predict_proba", "predict_log_proba"):
        with pytest.raises(NotFittedError):
            getattr(counting(), act)(["a"])
    with pytest.raises(NotFittedError):
        counting().save(tmp_path / "m")


def test_threads_are_for_fitting_and_predicting(data, tiny, monkeypatch):
    texts, labels, _ = data
    monkeypatch.setenv("WORDGATE_THREADS", "abc")
    classifier = WordgateClassifier(settings=tiny, threads=3).fit(texts, labels)
    assert classifier.predictor_.config.environment["threads"] == "3"
    assert classifier.predictor_.n_threads == 3
    assert len(classifier.predict(texts)) == len(texts)
    monkeypatch.setenv("WORDGATE_THREADS", "2")
    classifier = WordgateClassifier(settings=tiny).fit(texts, labels)
    assert classifier.predictor_.config.environment["threads"] == "2"
    message = "threads is 2.5; it must be a whole number from 1 to 4096"
    assert refusal(SettingsError, lambda: counting(threads=2.5).fit(texts, labels)) == message


def test_fit_gives_itself_and_can_be_repeated(data):
    texts, labels, _ = data
    classifier = counting()
    assert classifier.fit(texts, labels) is classifier
    first = classifier.predict_proba(texts)
    assert (classifier.fit(texts, labels).predict_proba(texts) == first).all()
    classifier.fit(texts, [f"{label}!" for label in labels])
    assert classifier.classes_.tolist() == ["bad!", "good!"]


def test_probabilities_follow_the_classes(data):
    texts, labels, _ = data
    classifier = counting().fit(texts, labels)
    proba = classifier.predict_proba(["We love it", "We hate it"])
    assert classifier.classes_.tolist() == ["bad", "good"]
    assert proba.sum(axis=1) == pytest.approx([1, 1])
    assert proba[0, 1] > 0.5 > proba[1, 1]
    assert np.exp(classifier.predict_log_proba(["We love it"]))[0] == pytest.approx(proba[0])
    assert classifier.predict(["We love it", "We hate it"]).tolist() == ["good", "bad"]
    assert classifier.score(texts, labels) > 0.9


@pytest.mark.parametrize(
    ("bad", "good", "kind"),
    [(0, 1, "i"), (-5, 10, "i"), (False, True, "b"), (0.0, 2.0, "f"), ("b", "g", "U")],
)
def test_labels_come_back_in_their_type(data, bad, good, kind):
    texts, labels, _ = data
    labels = [good if label == "good" else bad for label in labels]
    classifier = counting().fit(texts, np.array(labels))
    predicted = classifier.predict(["We love it", "We hate it"])
    assert predicted.dtype.kind == kind
    assert predicted.tolist() == [good, bad]
    assert classifier.score(texts, labels) > 0.9


def test_many_whole_numbers_are_sorted_as_numbers(data):
    texts, _, _ = data
    labels = [(2, 10, 9)[i % 3] for i in range(len(texts))]
    assert counting().fit(texts, labels).classes_.tolist() == [2, 9, 10]


@pytest.mark.parametrize("series", [pandas.Series, polars.Series, np.array, tuple])
def test_columns_of_all_kinds_will_do(data, series):
    texts, labels, groups = data
    expected = counting().fit(texts, labels, groups).predict_proba(texts)
    classifier = counting().fit(series(texts), series(labels), groups=series(groups))
    assert (classifier.predict_proba(series(texts)) == expected).all()
    assert classifier.predict(series(texts)).dtype.kind == "U"


def test_a_series_with_another_index_is_taken_by_position(data):
    texts, labels, _ = data
    index = range(len(texts), 0, -1)
    classifier = counting().fit(pandas.Series(texts, index), pandas.Series(labels, index))
    assert classifier.score(texts, labels) > 0.9


def test_it_can_end_a_pipeline(data):
    texts, labels, _ = data
    lower = FunctionTransformer(lambda column: [text.lower() for text in column])
    pipeline = Pipeline([("lower", lower), ("model", counting())]).fit(texts, labels)
    assert pipeline.predict(["WE LOVE IT"]).tolist() == ["good"]
    assert pipeline.set_params(model__random_state=5).get_params()["model__random_state"] == 5


def test_grid_search_tries_its_settings(data, tiny):
    texts, labels, groups = data
    search = GridSearchCV(
        WordgateClassifier(settings=tiny | {"lstm.epochs": 1}),
        {"hidden_size": [2, 3]},
        cv=GroupKFold(2),
    )
    search.fit(pandas.Series(texts), labels, groups=groups)
    best = search.best_estimator_
    assert search.cv_results_["mean_test_score"].shape == (2,)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert (
        best.predictor_.config.settings["lstm"]["hidden_size"] == search.best_params_["hidden_size"]
    )
    assert len(best.history_) == 1


def test_groups_reach_fit_by_parameters_and_by_routing(data):
    texts, labels, groups = data
    reached = []

    class Noting(WordgateClassifier):
        def fit(self, X, y, groups=None):
            reached.append(None if groups is None else len(groups))
            return super().fit(X, y, groups)

    folds = {"cv": GroupKFold(2)}
    assert cross_val_score(Noting(model="count"), texts, labels, groups=groups, **folds).min() > 0.8
    assert reached == [None, None]  # scikit-learn keeps them for the folds unless told otherwise
    with sklearn.config_context(enable_metadata_routing=True):
        routed = Noting(model="count").set_fit_request(groups=True)
        cross_val_score(routed, texts, labels, params={"groups": groups}, **folds)
    assert reached[2:] == [45, 45]


def test_groups_are_kept_whole_between_training_and_validation(data, monkeypatch):
    from wordgate import estimator

    texts, labels, groups = data
    seen = {}

    def note(plan, fold, context):
        seen.update(train=set(fold.train.groups), valid=set(fold.valid.groups))
        return fit(plan, fold, context)

    fit = estimator.fit_model
    monkeypatch.setattr(estimator, "fit_model", note)
    counting().fit(texts, labels, groups)
    assert seen["train"].isdisjoint(seen["valid"])
    assert seen["train"] | seen["valid"] == set(groups)


def test_a_saved_model_predicts_the_same_and_knows_its_texts(data, tmp_path, make_file):
    texts, labels, groups = data
    classifier = counting().fit(texts, [int(label == "good") for label in labels], groups)
    classifier.save(tmp_path / "m")
    model = wordgate.load(tmp_path / "m")
    assert model.labels == ("0", "1")
    assert (model.predict_proba(texts) == classifier.predict_proba(texts)).all()
    rows = [
        (group, str(int(label == "good")), text)
        for text, label, group in zip(texts, labels, groups, strict=True)
    ]
    evaluation = wordgate.evaluate(tmp_path / "m", make_file(rows))
    assert evaluation.seen.texts == evaluation.seen.groups == len(texts)
    assert refusal(BundleError, lambda: classifier.save(tmp_path / "m")).endswith("--overwrite")
    classifier.save(tmp_path / "m", overwrite=True)


def test_the_same_seed_gives_the_same_lstm(data, tiny):
    texts, labels, _ = data

    def proba(seed):
        classifier = WordgateClassifier(settings=tiny, random_state=seed)
        return classifier.fit(texts, labels).predict_proba(texts)

    first = proba(0)
    assert (proba(0) == first).all()
    assert not (proba(1) == first).all()


def seed_of_fit(data, random_state):
    texts, labels, _ = data
    return counting(random_state=random_state).fit(texts, labels).predictor_.config.seed


@pytest.mark.parametrize("make", [np.random.RandomState, np.random.default_rng])
def test_a_generator_gives_each_fit_a_seed_of_its_own(data, make):
    drawn = make(7)
    seeds = [seed_of_fit(data, drawn) for _ in range(2)]
    assert seeds[0] != seeds[1]
    again = make(7)
    assert [seed_of_fit(data, again) for _ in range(2)] == seeds
    assert clone(counting(random_state=drawn)).random_state is not drawn


def test_without_a_random_state_numpy_s_global_one_gives_the_seed(data):
    before = np.random.get_state()
    try:
        np.random.seed(3)
        seeds = [seed_of_fit(data, None) for _ in range(2)]
        np.random.seed(3)
        assert [seed_of_fit(data, None) for _ in range(2)] == seeds
        assert seeds[0] != seeds[1]
    finally:
        np.random.set_state(before)


def test_numpy_s_whole_numbers_are_seeds(data):
    assert seed_of_fit(data, np.int64(11)) == 11


def test_a_grid_search_sets_the_random_state(data):
    texts, labels, groups = data
    search = GridSearchCV(counting(), {"random_state": [3, 4]}, cv=GroupKFold(2))
    search.fit(texts, labels, groups=groups)
    assert search.best_estimator_.predictor_.config.seed == search.best_params_["random_state"]


def test_named_settings_beat_the_others(data):
    texts, labels, _ = data
    small = {
        "lstm.epochs": 1,
        "lstm.hidden_size": 5,
        "lstm.embedding_size": 4,
        "lstm.min_updates": 1,
    }
    classifier = WordgateClassifier(settings=small, hidden_size=6)
    settings = classifier.fit(texts, labels).predictor_.config.settings
    assert (settings["lstm"]["epochs"], settings["lstm"]["hidden_size"]) == (1, 6)


@pytest.mark.parametrize(
    ("texts", "labels", "message"),
    [
        (["a", "b"], ["x"], "there are 2 texts but 1 label"),
        (["a", "b", "c"], ["x", "x", "x"], "a classifier needs at least two labels; all are "),
        ([], [], "a classifier needs at least two labels"),
        (["a", "b", "c"], ["x", None, "y"], "label 2 of 3 is None, which is not a label"),
        (["a", "b"], ["x", float("nan")], "label 2 of 2 is nan, which is not a label"),
        (["a", "b"], ["x", pandas.NA], "label 2 of 2 is <NA>, which is not a label"),
        (
            ["a", "b"],
            [["x", ["y"]], ["z"]],
            "a label must be a string or a number, and several labels",
        ),
        (["a", "b"], [["x"], [None, "y"]], "a label of text 2 is None, which is not a label"),
        (["a", "b"], None, "a list of labels is needed, not None"),
        (["a", None], ["x", "y"], "text 2 of 2 is None (NoneType), not a string"),
        ("ab", ["x", "y"], "there is 1 text but 2 labels"),
        (["a", " "], ["x", "y"], "text 2 of 2 contains only whitespace, so it cannot have a"),
        (["a", "b"], ["x", "y"], "2 rows with 2 labels cannot be split"),
    ],
)
def test_texts_and_labels_that_do_not_fit_are_refused(texts, labels, message):
    assert refusal(DataError, lambda: counting().fit(texts, labels)).startswith(message)


def test_bad_settings_are_refused_when_fitting(data):
    texts, labels, groups = data
    for value, written in ((-1, "-1"), ("one", "'one'"), (1.5, "1.5")):
        bad = counting(random_state=value)
        assert refusal(SettingsError, lambda bad=bad: bad.fit(texts, labels)) == (
            f"random_state is {written}; it must be a whole number from 0 to 4294967295"
        )
    assert "no setting 'hiden'" in refusal(
        SettingsError, lambda: counting(settings={"hiden": 1}).fit(texts, labels)
    )
    for name in ("svm", None):
        unknown = WordgateClassifier(model=name)
        assert refusal(SettingsError, lambda model=unknown: model.fit(texts, labels)) == (
            f"no family of models '{name}'; available: count, logreg, mlp, lstm, transformer"
        )
    assert refusal(DataError, lambda: counting().fit(texts, labels, groups[:3])) == (
        "there are 90 texts but 3 groups"
    )


def test_scikit_learn_tags_say_that_it_takes_texts():
    tags = WordgateClassifier().__sklearn_tags__()
    assert tags.estimator_type == "classifier"
    assert tags.input_tags.string
    assert not tags.input_tags.two_d_array


def test_a_fitted_classifier_can_be_pickled_to_another_process(data):
    import pickle

    texts, labels, _ = data
    classifier = counting().fit(texts, labels)
    again = pickle.loads(pickle.dumps(classifier))
    assert (again.predict_proba(texts) == classifier.predict_proba(texts)).all()


def test_it_is_quiet_unless_asked(data, tiny, capfd):
    texts, labels, _ = data
    WordgateClassifier(settings=tiny).fit(texts, labels)
    assert capfd.readouterr() == ("", "")
    WordgateClassifier(settings=tiny, verbose=True).fit(texts, labels)
    reported = capfd.readouterr()
    assert reported.out == ""
    assert "\nepoch 2/2 " in reported.err


@pytest.mark.parametrize(
    "label", [["ok"], ["ok", "fine"], ("ok",), {"v": "ok"}, {"ok"}], ids=str
)  # fmt: skip
def test_lists_and_objects_are_no_labels(label):
    with pytest.raises(
        DataError,
        match=r"^a label must be a string or a number, and several"
        r" labels",
    ):
        WordgateClassifier(model="count").fit(["a b", "c d", "e f"], ["no", label, "no"])


def test_labels_that_are_written_alike_are_refused_before_the_fit():
    texts = ["we love it", "we hate it"] * 10
    with pytest.raises(DataError) as refused:
        WordgateClassifier(model="count").fit(texts, ["a\ud83d", "a\ud83e"] * 10)
    assert "are written alike, as 'a\ufffd': give one of them another name" in str(refused.value)


@pytest.mark.parametrize("labels", [(0, 1), (0.5, 1.5), (False, True), ("a\ud83d", "b")])
def test_labels_of_any_type_are_answered_as_they_were_given(labels, tmp_path):
    texts = ["we love it so much", "we hate it so much"] * 20
    fitted = WordgateClassifier(model="count").fit(texts, labels * 20)
    assert fitted.predict(texts[:2]).tolist() == list(labels)
    fitted.save(tmp_path / "m")
    written = [str(label).replace("\ud83d", "\ufffd") for label in labels]
    assert wordgate.load(tmp_path / "m").predict(texts[:2]) == written


def test_a_device_that_has_no_effect_is_refused_as_in_training(data):
    texts, labels, _ = data
    message = "device 'cuda' has no effect: count models use only the CPU"
    assert refusal(SettingsError, lambda: counting(device="cuda").fit(texts, labels)) == message
    frame = {"text": texts, "label": labels}
    act = lambda: wordgate.train(frame, model="count", device="cuda")  # noqa: E731
    assert refusal(SettingsError, act) == message


def _several(labels):
    return [["good", "new"] if label == "good" else ["bad"] for label in labels]


def test_the_score_takes_labels_in_every_form_of_fit(data):
    texts, labels, _ = data
    asked = labels[:-9] + ["bad" if label == "good" else "good" for label in labels[-9:]]
    share = 1 - 9 / len(labels)
    single = counting().fit(texts, labels)
    frame = pandas.DataFrame({"label": asked})
    for form in (asked, tuple(asked), np.array(asked), polars.Series(asked), frame, iter(asked)):
        assert single.score(texts, form) == pytest.approx(share)
    sets = _several(asked)
    several = counting().fit(texts, _several(labels))
    marks = np.array([[int(name in one) for name in several.classes_] for one in sets])
    columns = pandas.DataFrame({name: marks[:, i] for i, name in enumerate(several.classes_)})
    arrays = [np.array(one) for one in sets]
    for form in (sets, arrays, marks, scipy.sparse.csr_matrix(marks), columns):
        assert several.score(texts, form) == pytest.approx(share)
    assert several.score(texts, columns[["new", "bad", "good"]]) == pytest.approx(share)
    assert several.score(texts, [[*one, "rare"] for one in sets]) == 0


def test_the_score_is_that_of_scikit_learn(data):
    texts, labels, _ = data
    asked = labels[:-40] + ["good"] * 39 + ["never seen"]
    weights = np.arange(len(texts)) % 5
    classifier = counting().fit(texts, labels)
    predicted = classifier.predict(texts)
    for sample_weight in (None, weights):
        expected = accuracy_score(asked, predicted, sample_weight=sample_weight)
        assert classifier.score(texts, asked, sample_weight) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0, 1] * 45, "the labels are of another type than those of the model: 0 (number), not"
         " 'bad' (string)"),
        (["bad"] * 3, "there are 90 texts but 3 labels"),
        ([None] * 90, "label 1 of 90 is None, which is not a label"),
        ([["bad"]] * 90, "the model predicts one label per text, not several"),
        (np.eye(90, 2), "the model predicts one label per text, not several"),
    ],
)  # fmt: skip
def test_labels_that_no_score_can_be_computed_of_are_refused(data, y, message):
    texts, labels, _ = data
    classifier = counting().fit(texts, labels)
    assert message == refusal(DataError, lambda: classifier.score(texts, y))


def test_a_score_of_several_labels_needs_several(data):
    texts, labels, _ = data
    classifier = counting().fit(texts, _several(labels))
    needed = "a column of 0 and 1 is needed for each label of the model (bad, good, new), not "
    frame = pandas.DataFrame({"bad": [0, 1] * 45, "good": [1, 0] * 45, "old": [0] * 90})
    for y, message in [
        (labels, "the model predicts several labels per text: a list of labels for each text is"
         " needed, or a column of 0 and 1 for each label"),
        (np.eye(90, 2), f"{needed}2 columns"),
        (frame, f"{needed}bad, good, old"),
    ]:  # fmt: skip
        assert message == refusal(DataError, lambda y=y: classifier.score(texts, y))
    assert refusal(DataError, lambda: classifier.score([], [])) == (
        "there are no texts to compute an accuracy of"
    )


def test_rows_of_0_and_1_are_an_indicator_matrix_in_every_form(data):
    texts, labels, _ = data
    marks = np.array([[int(label == "bad"), int(label == "good"), n % 3 == 0]
                      for n, label in enumerate(labels)], np.int64)  # fmt: skip
    expected = counting().fit(texts, marks)
    for form in (marks.tolist(), [*map(tuple, marks.tolist())], list(marks), list(marks == 1),
                 pandas.Series(marks.tolist()), marks.astype(float).tolist()):  # fmt: skip
        classifier = counting().fit(texts, form)
        assert classifier.classes_.tolist() == [0, 1, 2]
        assert (classifier.predict_proba(texts) == expected.predict_proba(texts)).all()
        assert classifier.score(texts, form) == expected.score(texts, marks)
    sets = counting().fit(texts, [{0, 1} if label == "bad" else {1} for label in labels])
    assert sets.classes_.tolist() == [0, 1]
    assert sets.predict(["We love it", "We hate it"]).tolist() == [[0, 1], [1, 1]]
