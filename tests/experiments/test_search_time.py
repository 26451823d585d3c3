"""The time of a search: estimates of fits, and the time reserved for the steps after them."""

import time
from dataclasses import replace

import numpy as np
import pytest
from tests.conftest import RecordingProgress

import wordgate
from wordgate.data.dataset import Dataset
from wordgate.errors import DataError
from wordgate.evaluation.search import SearchLimits
from wordgate.experiments import auto, search
from wordgate.experiments.auto import Finish
from wordgate.experiments.search import Search
from wordgate.experiments.search_plan import SearchConfig
from wordgate.experiments.search_time import Costs
from wordgate.experiments.search_trials import FoldAnswers, InnerFolds
from wordgate.report.search_text import choice, trial_remarks
from wordgate.runtime.contention import Contention
from wordgate.runtime.engine import Tasks
from wordgate.runtime.progress import Silent
from wordgate.search.study import SearchStudy
from wordgate.settings import load_settings
from wordgate.training.fitting import RunContext

pytestmark = pytest.mark.needs("optuna", "sklearn", "scipy", "jinja2")


def test_a_fit_on_a_part_of_the_rows_predicts_the_time_of_one_on_all_rows():
    """What a fit takes in any case does not grow with the rows."""
    costs = Costs(["a text of some words"] * 1000)
    guessed = costs.seconds("lstm")
    costs.record("lstm", 0.25, costs.seconds("lstm", 0.25))
    assert costs.seconds("lstm") == pytest.approx(guessed)
    costs.record("lstm", 1.0, 3 * guessed)
    costs.record("lstm", 1.0, 3 * guessed)
    assert costs.seconds("lstm") == pytest.approx(3 * guessed)


def test_many_labels_are_no_sign_of_a_slow_machine():
    """The family `count` takes longer the more labels there are, an LSTM does not."""
    texts = ["a text of some words"] * 10_000
    few, many = Costs(texts, 2), Costs(texts, 96)
    assert many.seconds("count") > 20 * few.seconds("count")
    many.record("count", 1.0, many.seconds("count"))
    assert many.seconds("lstm") == few.seconds("lstm")


def test_the_quickest_fit_shows_how_slow_the_machine_is():
    costs = Costs(["a text of some words"] * 1000)
    guessed = costs.seconds("lstm")
    costs.record("count", 1.0, 9 * costs.seconds("count"))  # which loads packages, too
    costs.record("count", 1.0, 2 * Costs(costs.texts).seconds("count"))
    assert costs.seconds("lstm") == pytest.approx(2 * guessed)
    assert costs.least("lstm") < costs.seconds("lstm")


def test_distillation_takes_no_longer_than_its_limit():
    texts = ["a text of some words"] * 1000
    free, limited = Costs(texts), Costs(texts, teaching_seconds=30.0)
    assert limited.seconds("taught") == pytest.approx(30.0 + free.seconds("lstm"))
    assert free.seconds("taught") > limited.seconds("taught")
    assert Costs(texts, teaching_seconds=3600.0).seconds("taught") == free.seconds("taught")


@pytest.mark.parametrize(
    ("n_texts", "order"),
    [(100, ["count", "transformer", "lstm"]), (20_000, ["count", "lstm", "transformer"])],
)
def test_the_families_that_take_the_least_time_come_first(n_texts, order):
    """On few texts an LSTM takes more updates than the fine-tuning of a transformer."""
    costs = Costs(["a text of some words"] * n_texts, 30)
    assert sorted(["lstm", "transformer", "count"], key=costs.order) == order
    costs.record("transformer", 1.0, 1000.0)
    assert sorted(["lstm", "transformer", "count"], key=costs.order) == order


@pytest.mark.parametrize("slowdown", [1.0, 5.0])
def test_a_busy_machine_needs_more_time_for_what_follows_the_last_fit(slowdown, monkeypatch):
    monkeypatch.setattr(Contention, "slowdown", lambda _: slowdown)
    finish = Finish(Contention(), analysis=1.0, n_predicted=8000)
    assert finish.seconds() == pytest.approx({1.0: 6.0, 5.0: 16.0}[slowdown])
    assert finish.with_ranking() == pytest.approx(finish.seconds() + slowdown)


@pytest.fixture
def rows():
    return Dataset([f"text {number}" for number in range(300)], np.arange(300) % 2)


def config_of(*families, minutes=1.0):
    settings, limits = load_settings("default"), SearchLimits(minutes=minutes)
    context = RunContext(0, Silent())
    return SearchConfig({}, families, "default", {}, settings, limits, context)


@pytest.fixture
def fits(monkeypatch):
    """Answer at once in place of fits, and note when each had to end, in seconds from now."""
    found = []

    def answer(spec, folds, number, share, _config, until):
        found.append((spec.family, share, until - time.monotonic()))
        truth = folds.fold(number).test.targets
        return FoldAnswers(truth, 1.0, 0.1, 1.0, 0.01, is_cut=False, predicting=0.0)

    monkeypatch.setattr(search, "fit_fold", answer)
    return found


def test_the_first_fit_leaves_time_to_train_the_same_model_on_all_rows(rows, fits, tmp_path):
    config = config_of("count")
    folds = InnerFolds.of(rows, ("a", "b"), config.settings, 0)
    study = SearchStudy(tmp_path, ["count"], 0)
    end = time.monotonic() + 100.0
    Search(folds, replace(config, options={"trials": 1}), study, lambda: end).run()
    assert fits[0][2] * (1.0 + 1.3 * folds.growth) == pytest.approx(100.0, rel=0.1)


def test_families_that_are_expected_to_fit_into_the_time_take_part(rows, fits, tmp_path):
    """An LSTM is expected to take 12 s a fold, or less, three folds of it and the model."""
    config = replace(config_of("count", "lstm"), options={"trials": 2})
    folds = InnerFolds.of(rows, ("a", "b"), config.settings, 0)
    for seconds, families in ((20.0, {"count"}), (120.0, {"count", "lstm"})):
        study = SearchStudy(tmp_path / str(seconds), ["count", "lstm"], 0)
        end = time.monotonic() + seconds
        found = Search(folds, config, study, lambda end=end: end).run()
        assert {trial.family for trial in found.trials} == families
        assert any("Left out: lstm" in one for one in found.left_out) == (len(families) == 1)


def test_a_worker_is_waited_for_until_the_time_of_the_search_is_over(
    rows, fits, tmp_path, monkeypatch
):
    """A worker may have to start: that takes none of the share that a fit has of the time."""
    waited = []

    class Cluster(Tasks):
        """Fits of chosen settings do not end."""

        def wait(self, timeout=None):
            fit = next(iter(self._running.values()))
            if fit.spec.recipe != "tuned":
                return super().wait(timeout)
            waited.append((fit.seconds, timeout))
            return None

    monkeypatch.setattr(search, "Tasks", Cluster)
    folds = InnerFolds.of(rows, ("a", "b"), config_of("count").settings, 0)
    study, end = SearchStudy(tmp_path, ["count"], 0), time.monotonic() + 200.0
    found = Search(folds, config_of("count"), study, lambda: end).run()
    assert (found.ended_by, found.trials[-1].state) == ("minutes", "failed")
    ((seconds, timeout),) = waited
    assert seconds == pytest.approx(200.0 / 3, rel=0.1)  # on each of three folds
    assert timeout == pytest.approx(200.0 + 1.0, rel=0.1)


def test_a_family_that_fails_says_nothing_about_the_number_of_folds(rows, tmp_path, monkeypatch):
    """Of the first family that does not, one fold tells for how many there is time."""
    fitted = []

    def answer(spec, folds, number, *_):
        if spec.family == "count":
            raise DataError("a fit that fails")
        fitted.append(number)
        truth = folds.fold(number).test.targets
        return FoldAnswers(truth, 1.0, 0.1, 1.0, 12.0, is_cut=False, predicting=0.0)

    monkeypatch.setattr(search, "fit_fold", answer)
    config = replace(config_of("count", "lstm"), options={"trials": 1})
    folds = InnerFolds.of(rows, ("a", "b"), config.settings, 0)
    study, end = SearchStudy(tmp_path, ["count", "lstm"], 0), time.monotonic() + 30.0
    found = Search(folds, config, study, lambda: end).run()
    assert fitted == [0]
    assert [trial.state for trial in found.trials] == ["failed", "complete"]


def test_with_few_rows_a_slow_family_shares_its_time_among_all_folds(rows, fits, tmp_path):
    """One fit of it may not take the time that its other folds and the final model need."""
    config = replace(config_of("count", "lstm"), options={"trials": 2})
    folds = InnerFolds.of(rows, ("a", "b"), config.settings, 0)
    study, end = SearchStudy(tmp_path, ["count", "lstm"], 0), time.monotonic() + 200.0
    Search(folds, config, study, lambda: end).run()
    assert [family for family, *_ in fits] == ["count"] * 3 + ["lstm"] * 3
    first = fits[3][2]
    assert first * (3 + 1.3 * folds.growth) == pytest.approx(200.0, rel=0.1)


def cut_after(seconds_left, monkeypatch):
    """Let count have three of four texts right, and an LSTM that time cuts all of them."""

    def answer(spec, folds, number, _share, _config, until):
        truth = folds.fold(number).test.targets
        is_lstm = spec.family == "lstm"
        seconds_left.append(until - time.monotonic())
        decisions = truth if is_lstm else np.where(np.arange(len(truth)) % 4, truth, 1 - truth)
        score = float((decisions == truth).mean())
        return FoldAnswers(decisions, score, 0.1, 1.0, 20.0 if is_lstm else 0.1, is_lstm, 0.0)

    monkeypatch.setattr(search, "fit_fold", answer)


def test_a_trial_that_time_cut_short_competes_with_what_it_has_reached(rows, tmp_path, monkeypatch):
    cut_after([], monkeypatch)
    config = replace(config_of("count", "lstm"), options={"trials": 2})
    folds = InnerFolds.of(rows, ("a", "b"), config.settings, 0)
    study, end = SearchStudy(tmp_path, ["count", "lstm"], 0), time.monotonic() + 120.0
    found = Search(folds, config, study, lambda: end).run()
    winner, second = found.ranking[:2]
    assert (winner.family, winner.state, winner.is_cut) == ("lstm", "complete", True)
    assert (second.family, second.is_cut) == ("count", False)
    assert len(winner.fold_scores) == len(second.fold_scores) == 3
    assert choice(found.result(config)).endswith(
        "The time limit stopped its trial; the score is the best that it had reached."
    )
    assert trial_remarks(winner) == ["stopped by the time limit"]
    other = SearchStudy(tmp_path, ["count", "lstm"], 0)
    assert [trial.is_cut for trial in other.trials()] == [False, True]


def test_a_fit_that_time_cut_keeps_the_time_of_the_final_model(rows, tmp_path, monkeypatch):
    """It is planned with what it was given, which it would take again."""
    given = []
    cut_after(given, monkeypatch)
    config = replace(config_of("count", "lstm"), options={"trials": 2})
    folds = InnerFolds.of(rows, ("a", "b"), config.settings, 0)
    end = time.monotonic() + 120.0
    tried = Search(folds, config, SearchStudy(tmp_path, ["count", "lstm"], 0), lambda: end)
    tried.run()
    assert given[4] == pytest.approx((120.0 - 1.3 * folds.growth * 20.0) / 2.0, abs=4.0)


def test_a_slow_family_keeps_the_time_to_predict_the_test_rows(rows, tmp_path, monkeypatch):
    """What it takes to predict a text is known from the first fold on."""
    given = []

    def answer(spec, folds, number, _share, _config, until):
        given.append(until - time.monotonic())
        truth = folds.fold(number).test.targets
        slow = 0.02 if spec.family == "lstm" else 0.0
        return FoldAnswers(truth, 1.0, 0.1, 1.0, 10.0 * (slow > 0), False, predicting=slow)

    monkeypatch.setattr(search, "fit_fold", answer)
    config = replace(config_of("count", "lstm"), options={"trials": 2})
    folds = InnerFolds.of(rows, ("a", "b"), config.settings, 0)
    end = time.monotonic() + 200.0
    study = SearchStudy(tmp_path, ["count", "lstm"], 0)
    Search(folds, config, study, lambda: end, n_predicted=2000).run()
    assert given[4] == pytest.approx((200.0 - 1.3 * folds.growth * 10.0 - 2000 * 0.02) / 2, abs=4.0)


def test_the_time_of_prediction_is_estimated_and_then_measured():
    costs = Costs(["a text of some words"] * 1000)
    guessed = costs.predicting("transformer")
    assert guessed == pytest.approx(20 * 1.2e-5)
    costs.record("transformer", 1.0, 5 * costs.seconds("transformer"))
    assert costs.predicting("transformer") == pytest.approx(5 * guessed)
    costs.record("transformer", 1.0, 1.0, predicting=0.5)
    assert costs.predicting("transformer") == 0.5


def test_a_winner_whose_training_was_cut_short_is_reported(tmp_path, monkeypatch):
    file = tmp_path / "rows.csv"
    lines = [
        f"word{number % 7} word{number % 11} is {number % 2},{number % 2}" for number in range(120)
    ]
    file.write_text("\n".join(["text,label", *lines]), encoding="utf-8")
    options = {"model": "auto", "minutes": 5.0, "trials": 1, "progress": Silent()}
    monkeypatch.setattr("wordgate.experiments.search_plan.available_families",
                        lambda _: (("count",), ()))  # fmt: skip
    whole = wordgate.train(file, **options)
    assert not any("stopped the training" in one for one in whole.search.left_out)
    monkeypatch.setattr(auto.Clock, "fitting_deadline", lambda *_: time.monotonic())
    cut = wordgate.train(file, **options)
    reported = (
        "The time limit stopped the training of the final model early: it may be worse than the"
        " selected trial; increase --minutes."
    )
    assert cut.search.left_out[-1] == reported
    assert cut.metrics.search.left_out[-1] == reported


def test_each_trial_is_reported_once_when_it_ends(rows, fits, tmp_path):
    """The default recipes are begun one after the other, and end after all have been begun."""
    progress = RecordingProgress()
    config = replace(config_of("count", "lstm"), options={"trials": 2})
    config = replace(config, context=RunContext(0, progress))
    folds = InnerFolds.of(rows, ("a", "b"), config.settings, 0)
    study, end = SearchStudy(tmp_path, ["count", "lstm"], 0), time.monotonic() + 500.0
    Search(folds, config, study, lambda: end).run()
    reported = [line.partition(":")[0] for line in progress.lines if line.startswith("Trial ")]
    assert reported == ["Trial 0, count", "Trial 1, lstm"]
