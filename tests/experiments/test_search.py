"""A search: no trial uses test rows, limits are respected, and it can be resumed."""

import math
import os
import platform
import random
import time
from dataclasses import replace

import numpy as np
import pytest
from tests.conftest import RecordingProgress

import wordgate
from wordgate.cli.main import exit_code
from wordgate.data import read_table
from wordgate.data.dataset import Dataset
from wordgate.errors import BundleError, DataError, SettingsError
from wordgate.evaluation.search import SearchLimits, SearchTrial
from wordgate.experiments import auto, search_plan, search_trials
from wordgate.experiments.search_plan import DEFAULT, SearchConfig, TrialSpec
from wordgate.experiments.search_ranking import Found, Ranking, spec_of
from wordgate.experiments.search_trials import InnerFolds, Rung, number_of_folds
from wordgate.experiments.splits import split_table
from wordgate.experiments.students import TeacherConfig
from wordgate.experiments.unlabelled import Unlabelled
from wordgate.report.search_text import choice, ending
from wordgate.runtime.progress import Silent
from wordgate.search import study
from wordgate.search.study import JOURNAL, SearchStudy
from wordgate.settings import load_settings
from wordgate.training.fitting import RunContext

pytestmark = pytest.mark.needs("optuna", "sklearn", "scipy", "jinja2")

QUICK = {"count.c": "1"}
ANY = {"model": "count", "minutes": 5.0, "settings": QUICK, "progress": Silent()}


def texts_and_labels(n=150, seed=0):
    rng = random.Random(seed)
    words = [f"word{number}" for number in range(60)]
    rows = []
    for number in range(n):
        label = rng.choice(["bad", "good"])
        own = [rng.choice(words) for _ in range(9)]
        own[rng.randrange(9)] = rng.choice(["fine", "lovely"] if label == "good" else ["poor"])
        if rng.random() < 0.25:
            own[0] = rng.choice(["fine", "poor"])
        rows.append((" ".join(own), label))
        if number % 10 == 0:
            rows.append((f"{' '.join(own)} indeed", label))  # a near duplicate
    return rows


def test_of_skewed_labels_macro_f1_is_maximized_unless_another_score_is_named():
    said = RecordingProgress()
    context = RunContext(0, said)
    config = search_plan.plan_search({"minutes": 1.0}, context, families=("count",), overrides={})
    assert config.for_labels([80, 20]).objective == "macro_f1"
    assert said.lines == [
        "Labels are skewed (80% of the rows have the same one), so macro F1 is maximized; to"
        " maximize accuracy, add --objective accuracy"
    ]
    assert config.for_labels([79, 21]).objective == "accuracy"
    assert config.for_labels(None).objective == "micro_f1"
    named = replace(config, options={"objective": "accuracy"})
    assert named.for_labels([80, 20]).objective == "accuracy"
    assert len(said.lines) == 1


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("search") / "rows.csv"
    lines = [f"{text},{label}" for text, label in texts_and_labels()]
    path.write_text("\n".join(["text,label", *lines]), encoding="utf-8")
    return path


@pytest.fixture
def count_alone(monkeypatch):
    """Let a search be among one family: the others take seconds each."""
    monkeypatch.setattr(search_plan, "available_families", lambda _: (("count",), ()))


def facts(search):
    """Give what a trial found, without the time it took."""
    ended = [trial for trial in search.trials if trial.state != "failed"]
    return [(spec_of(trial), trial.state, trial.fold_scores) for trial in ended]


def test_no_trial_sees_test_rows_and_duplicates_stay_together(
    file, tmp_path, monkeypatch, count_alone
):
    seen = []
    fit = search_trials.fit_model

    def noting(plan, fold, context):
        seen.append((fold.train, fold.valid, fold.test))
        return fit(plan, fold, context)

    monkeypatch.setattr(search_trials, "fit_model", noting)
    options = {**ANY, "model": "auto", "trials": 3}
    training = wordgate.train(file, out=tmp_path / "model", **options)
    table = read_table(file)
    splits = split_table(table, load_settings("default"), 0)
    of_test = {*splits.test.texts}
    assert len(seen) >= 3
    for train, valid, test in seen:
        assert of_test.isdisjoint([*train.texts, *valid.texts, *test.texts])
        parts = [{*part.groups} for part in (train, valid, test)]
        assert not parts[0] & parts[2]
        assert not parts[1] & parts[2]
    assert {*seen[0][2].texts} | {*seen[0][0].texts} | {*seen[0][1].texts} == {
        *splits.train.texts,
        *splits.valid.texts,
    }
    kept = training.metrics.search
    assert kept.n_trials == 3
    assert kept.test_score == training.metrics.accuracy
    assert kept.difference == pytest.approx(kept.chosen_score - training.metrics.accuracy)
    assert wordgate.load(tmp_path / "model").metrics.search == kept
    assert (tmp_path / "model" / "search.html").is_file()
    assert not (tmp_path / "model.search").exists()


class Killed(BaseException):
    """Ends a process as SIGKILL does: nothing is noted."""


def test_a_trial_that_failed_has_no_part_in_halving(tmp_path):
    def pruned(folder, scores, failing):
        study, ended = SearchStudy(folder, ["count"], 0), []
        for number, score in enumerate(scores):
            for is_dead in (True, False) if number == failing else (False,):
                trial = study.ask("count")
                ended.append(study.report(trial, score, 0))
                study.end(trial, failed=is_dead)
        return ended

    scores = [0.8, 0.7, 0.6, 0.5, 0.75, 0.4]
    whole = pruned(tmp_path / "whole", scores, failing=None)
    assert whole == [False, True, True, True, True, True]
    for number in range(len(scores)):
        again = pruned(tmp_path / str(number), scores, failing=number)
        assert again[: number + 1] + again[number + 2 :] == whole
        assert again[number] == again[number + 1]


def test_a_killed_search_is_resumed_with_the_same_result(file, tmp_path, monkeypatch):
    options = {**ANY, "trials": 6}
    whole = wordgate.tune(file, **options)
    out, n_fits = tmp_path / "mine.toml", []
    fit, end = search_trials.fit_fold, SearchStudy.end

    def end_unless_failed(own, trial, *, failed=False):
        if not failed:
            end(own, trial)

    def killing(*args):
        n_fits.append(args)
        if len(n_fits) == 8:
            raise Killed
        return fit(*args)

    with monkeypatch.context() as patch:
        patch.setattr("wordgate.experiments.search.fit_fold", killing)
        patch.setattr(SearchStudy, "end", end_unless_failed)
        with pytest.raises(Killed):
            wordgate.tune(file, out=out, **options)
    with pytest.raises(BundleError, match="continue it with --resume"):
        wordgate.tune(file, out=out, **options)
    journal = tmp_path / "mine.toml.search" / JOURNAL
    with journal.open("ab") as half:
        half.write(b'{"op_code": 5, "wor')
    with pytest.raises(BundleError, match="other data, seed 0 instead of 1"):
        wordgate.tune(file, out=out, resume=True, **{**options, "seed": 1})
    resumed = wordgate.tune(file, out=out, resume=True, **options)
    assert facts(resumed.search) == facts(whole.search)
    assert resumed.settings == whole.settings
    assert [trial.state for trial in resumed.search.trials].count("failed") == 1
    assert not journal.exists()


def test_no_signal_is_sent_on_windows_where_it_would_be_a_ctrl_c(tmp_path, monkeypatch):
    SearchStudy(tmp_path, ["count"], 0).note(
        SearchStudy(tmp_path, ["count"], 0).ask("count"), process=[platform.node(), 1]
    )
    (trial,) = SearchStudy(tmp_path, ["count"], 0).trials()
    assert trial.state == "running"  # process 1 runs everywhere
    monkeypatch.setattr(study.sys, "platform", "win32")
    monkeypatch.setattr(study.os, "kill", lambda *_: pytest.fail("a signal was sent"))
    (trial,) = SearchStudy(tmp_path, ["count"], 0).trials()
    assert trial.state == "failed"


def test_the_last_process_of_several_deletes_the_trials(tmp_path, monkeypatch):
    """A process that ends first does not take the journal from the others."""
    mine, other, dead = SearchStudy(tmp_path, ["count"], 0), os.getpid() + 1, os.getpid() + 2
    for process in (other, dead):
        monkeypatch.setattr(study.os, "getpid", lambda process=process: process)
        SearchStudy(tmp_path, ["count"], 0)
    monkeypatch.undo()
    monkeypatch.setattr(study, "_is_other_process", lambda process: process == other)
    mine.clear()
    trial = SearchStudy(tmp_path, ["count"], 0).ask("count")
    assert trial.number == 0
    monkeypatch.setattr(study, "_is_other_process", lambda _: False)
    mine.clear()
    assert not tmp_path.exists()
    mine.leave()
    mine.clear()  # another one was quicker
    assert not tmp_path.exists()


def test_a_file_that_a_kill_left_half_written_is_deleted_with_the_trials(tmp_path):
    own = SearchStudy(tmp_path / "search", ["count"], 0)
    own.complete(own.ask("count"), 0.5, np.zeros(3))
    (own.folder / ".trial-1.safetensors.new").write_bytes(b"half")
    own.clear()
    assert not own.folder.exists()


def test_a_process_of_another_computer_keeps_the_trials_until_it_leaves(tmp_path, monkeypatch):
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(study.platform, "node", lambda: "elsewhere/2")
        elsewhere.setattr(study.os, "getpid", lambda: 1)
        other = SearchStudy(tmp_path, ["count"], 0)
    mine = SearchStudy(tmp_path, ["count"], 0)
    mine.clear()
    assert (tmp_path / JOURNAL).exists()
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr(study.os, "getpid", lambda: 1)
        other.leave()
    mine.clear()
    assert not tmp_path.exists()


def rows_and_config(**options):
    """Make rows of 300 texts, and what is searched in them."""
    rows = Dataset([f"text {number}" for number in range(300)], np.arange(300) % 2)
    settings, limits = load_settings("default"), SearchLimits(minutes=1)
    context = RunContext(0, Silent())
    return rows, SearchConfig({}, ("count",), "default", {}, settings, limits, context, **options)


@pytest.mark.parametrize("change", ["files", "texts", "minutes"])
def test_trials_of_another_distillation_are_not_resumed(tmp_path, change):
    """A trial that another teacher, or other texts, taught is none of this search."""
    texts = Unlabelled.beside(["a text"], None, ["one", "another"])
    more = Unlabelled.beside(["a text"], None, ["one", "two"])
    teaching = TeacherConfig({}, "f" * 64, texts, 1.0)
    others = {"files": {"teacher_files": "0" * 64}, "texts": {"unlabelled": more},
              "minutes": {"minutes": 2.0}}  # fmt: skip
    rows, config = rows_and_config(teaching=teaching)
    other = replace(config, teaching=replace(teaching, **others[change]))
    out = tmp_path / "model"
    with auto._open_study(config, rows, out, resume=False):
        pass
    with auto._open_study(config, rows, out, resume=True):
        pass
    with (
        pytest.raises(BundleError, match=r"contains a search with (other|teaching minutes 1\.0)"),
        auto._open_study(other, rows, out, resume=True),
    ):
        pass


def test_an_interrupted_search_keeps_the_best_so_far(file, tmp_path):
    def interrupt(_objective, trials, _deadline):
        if len(trials) == 3:
            raise KeyboardInterrupt

    out = tmp_path / "mine.toml"
    tuned = wordgate.tune(file, out=out, watch=interrupt, **ANY)
    assert tuned.search.ended_by == "interruption"
    assert out.read_text(encoding="utf-8") == tuned.recipe
    more = wordgate.tune(file, out=out, resume=True, overwrite=True, trials=4, **ANY)
    assert len(facts(more.search)) == 4
    assert facts(more.search)[: len(facts(tuned.search))] == facts(tuned.search)
    assert not (tmp_path / "mine.toml.search").exists()


def test_where_every_family_fails_the_error_is_that_of_a_fit(file, monkeypatch):
    def fail(*_):
        raise DataError("a fit that fails")

    monkeypatch.setattr("wordgate.experiments.search.fit_fold", fail)
    with pytest.raises(DataError, match="a fit that fails"):
        wordgate.tune(file, **ANY)


@pytest.mark.parametrize("writes", ["complete", "end"])
def test_an_interruption_while_the_end_of_a_trial_is_noted_loses_nothing(file, monkeypatch, writes):
    note, interrupted = getattr(SearchStudy, writes), []

    def interrupting(*args, **options):
        note(*args, **options)
        if not interrupted:
            interrupted.append(args)
            raise KeyboardInterrupt

    monkeypatch.setattr(SearchStudy, writes, interrupting)
    found = wordgate.tune(file, trials=6, **ANY).search
    assert found.ended_by == "interruption"
    assert [trial.state for trial in found.trials][-1] == (
        "complete" if writes == "complete" else "pruned"
    )


def test_a_recipe_that_was_tuned_trains(file, tmp_path):
    out = tmp_path / "mine.toml"
    tuned = wordgate.tune(file, out=out, trials=4, objective="macro_f1", **ANY)
    assert out.read_text(encoding="utf-8") == tuned.recipe
    assert tuned.search.test_score is None
    best = max(tuned.search.trials[1:], key=lambda trial: (trial.score, -trial.number))
    recipe = tmp_path / "best.toml"
    from wordgate.settings import own_recipe_toml

    recipe.write_text(own_recipe_toml("default", best.settings, "The best."), encoding="utf-8")
    for path, settings in ((out, tuned.settings), (recipe, best.settings)):
        trained = wordgate.train(file, model="count", recipe=path, progress=Silent())
        flat = load_settings("default", settings).flat()
        assert trained.bundle.config.settings["count"]["words"] == flat["count.words"]
        assert trained.bundle.config.settings["count"]["min_texts"] == flat["count.min_texts"]


def test_limits_are_kept_or_refused(file, tmp_path, count_alone):
    options = {**ANY, "model": "auto", "trials": 3}
    out = tmp_path / "model"
    training = wordgate.train(file, out=out, max_mb=1.0, max_ms=1000.0, **options)
    size = sum(part.stat().st_size for part in out.iterdir()) / 1e6
    assert training.search.megabytes == pytest.approx(size, abs=0.1)
    assert size <= 1.0
    assert [trial.recipe for trial in training.search.trials][:2] == ["default", "small"]
    with pytest.raises(SettingsError, match=r"none of 3 trials is within --max-mb 0\.001: "):
        wordgate.train(file, out=tmp_path / "other", max_mb=0.001, **options)


def test_a_winner_over_a_limit_once_it_is_written_is_replaced(
    file, tmp_path, monkeypatch, count_alone
):
    sizes = iter([9.0, 0.5])
    monkeypatch.setattr(auto, "measure_bundle", lambda *_: (0.1, next(sizes)))
    training = wordgate.train(file, max_mb=5.0, **{**ANY, "model": "auto", "trials": 4})
    assert training.search.megabytes == 0.5
    assert next(sizes, None) is None
    broken = {trial.number: trial.over_limits for trial in training.search.trials}
    assert [*broken.values()].count(("size",)) == 1
    assert broken[training.search.chosen] == ()
    assert ending(training.search).startswith("1 trial was over a limit")


def test_a_better_trial_over_a_limit_is_not_called_equally_good():
    """Its model broke a limit when it was trained on all rows."""
    _, config = rows_and_config()
    ranking = tuple(
        SearchTrial(number, "count", recipe, {}, "complete", score, (score,))
        for number, (recipe, score) in enumerate([("default", 0.7), ("small", 0.6)])
    )
    found = Found(ranking, ranking, "trials", 60.0, {}, ())
    assert "equally good" in choice(found.result(config, 1))
    found = found.with_broken_limits(ranking[0], ["latency"])
    assert "equally good" not in choice(found.result(config, 1))
    assert [trial.over_limits for trial in found.trials] == [("latency",), ()]


class Kept:
    """Trials with their answers, in place of a study."""

    def __init__(self, trials, decisions):
        self._trials, self._decisions = trials, decisions
        self.attributes = {"folds": 1}

    def trials(self):
        return self._trials

    def decisions(self, number):
        return self._decisions[number]


@pytest.fixture
def winner_of():
    """Rank two trials of 1,200 texts, the second with some errors more; give the winner's number.

    The first one is wrong on `others` that the second has right, and the second on as many more:
    that makes a difference less certain.
    """

    def run(recipes, sizes, n_worse, others=0):
        rows = Dataset([f"text {number}" for number in range(3600)], np.arange(3600) % 2)
        _, config = rows_and_config()
        folds = InnerFolds.of(rows, ("a", "b"), config.settings, 0)
        truth, answers, trials = folds.tested(1).targets, [], []
        for number, wrong in enumerate([range(others), range(others, 2 * others + n_worse)]):
            own = truth.copy()
            own[list(wrong)] = 1 - own[list(wrong)]
            answers.append(own)
            trials.append(
                SearchTrial(
                    number, "count", recipes[number], {"count.words": number + 1}, "complete",
                    (truth == own).mean(), megabytes=sizes[number],
                )
            )  # fmt: skip
        return next(Ranking(folds, config, Kept(tuple(trials), answers)).ranked()).number

    return run


@pytest.mark.parametrize("recipes", [("tuned", "default"), ("default", "tuned"), ("tuned",) * 2])
@pytest.mark.parametrize(
    ("n_worse", "others", "winner"),
    [
        (0, 0, 1),
        (1, 0, 1),
        (5, 0, 0),  # certainly worse
        (5, 40, 1),  # worse by less than a standard error
        (7, 40, 0),  # more than half a point
    ],
)
def test_within_noise_the_smaller_model_wins(winner_of, recipes, n_worse, others, winner):
    """Noise is a standard error, and half a point at most; recipes have no part in it."""
    assert winner_of(recipes, (9.0, 1.0), n_worse, others) == winner
    assert winner_of(recipes, (1.0, 9.0), n_worse, others) == 0


def test_the_default_recipe_follows_the_taught_one_that_wins():
    """Neither changes a setting of its recipe."""
    rows, config = rows_and_config()
    folds = InnerFolds.of(rows, ("a", "b"), config.settings, 0)
    truth = folds.tested(1).targets
    trials = [
        SearchTrial(number, "lstm", recipe, {}, "complete", score, megabytes=1.0)
        for number, (recipe, score) in enumerate([("default", 0.6), ("taught", 1.0)])
    ]
    answers = [np.where(np.arange(len(truth)) % 5 < 3, truth, 1 - truth), truth]
    ranking = Ranking(folds, config, Kept(tuple(trials), answers))
    assert [trial.recipe for trial in ranking.ranked()] == ["taught", "default"]


def test_few_rows_have_as_many_folds_as_there_is_time_for():
    def folds(n_rows, *fit_seconds, groups=None):
        texts = [f"text {number}" for number in range(n_rows)]
        rows = Dataset(texts, np.zeros(n_rows, int), groups)
        return number_of_folds(rows, fit_seconds, 600.0)

    assert [folds(200, seconds, 1.0) for seconds in (8.0, 8.1, 17.0, 17.1)] == [10, 5, 5, 3]
    assert [folds(n_rows, 0.1) for n_rows in (39, 40, 2999, 3000, 20_000)] == [5, 10, 10, 3, 5]
    assert folds(200, 0.1, groups=[str(number % 12) for number in range(200)]) == 3
    assert [folds(200, 1.0, slow) for slow in (120.0, 121.0)] == [3, 10]  # too slow for any


def test_a_trial_of_few_rows_is_compared_on_a_third_of_the_folds_first():
    rows, config = rows_and_config()
    folds = InnerFolds.of(rows, ("a", "b"), config.settings, 0, 10)
    assert folds.most == 10
    assert folds.rungs(10) == [Rung(1.0, 4), Rung(1.0, 10)]
    assert folds.rungs(3) == [Rung(1.0, 1), Rung(1.0, 3)]
    assert folds.rungs(1) == [Rung(1.0, 1)]
    assert folds.growth == pytest.approx(10 / 9)
    many = Dataset([f"text {number}" for number in range(4000)], np.arange(4000) % 2)
    assert InnerFolds.of(many, ("a", "b"), config.settings, 0, 5).most == 3


def test_a_trial_knows_that_time_cut_it_short_even_with_a_single_penalty():
    texts, labels = zip(*texts_and_labels(), strict=True)
    rows = Dataset(list(texts), np.array([label == "good" for label in labels], np.int64))
    settings, limits = load_settings("default"), SearchLimits(minutes=1)
    context = RunContext(0, Silent())
    folds = InnerFolds.of(rows, ("bad", "good"), settings, 0)
    config = SearchConfig({}, ("count",), "default", QUICK, settings, limits, context)
    spec = TrialSpec("count", DEFAULT, {})
    late, early = (
        search_trials.fit_fold(spec, folds, 0, 1.0, config, until)
        for until in (time.monotonic(), math.inf)
    )
    assert (late.is_cut, early.is_cut) == (True, False)


def test_texts_with_several_labels_are_searched_by_micro_f1(tmp_path):
    rows = texts_and_labels(90)
    data = [
        (text, "a;b" if label == "good" else "a" if "word1" in text else "b;c")
        for text, label in rows
    ]
    path = tmp_path / "several.csv"
    path.write_text("\n".join(["text,labels", *(f"{t},{own}" for t, own in data)]))
    tuned = wordgate.tune(path, trials=2, label_separator=";", **ANY)
    assert tuned.search.objective == "micro_f1"
    assert tuned.search.chosen_score > 0.5
    with pytest.raises(SettingsError, match="accuracy is not for several labels per text"):
        wordgate.tune(path, trials=2, label_separator=";", objective="accuracy", **ANY)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"minutes": 1, "preset": "quick"}, "--minutes and --preset both limit the time"),
        ({"preset": "quik"}, "no preset 'quik'; did you mean 'quick'"),
        ({"minutes": 0}, "minutes is 0; it must be a number above 0"),
        ({"minutes": 1, "max_ms": -1}, "--max-ms is -1; it must be a number above 0"),
        ({"minutes": 1, "objective": "f1"}, "a search has no objective 'f1'"),
        ({"minutes": 1, "objective": "micro_f1"}, "micro_f1 is not for one label per text"),
        ({"minutes": 1, "out": "mine.txt"}, "--out mine.txt is not a recipe"),
        ({"minutes": 1, "recipe": "taught"}, "the recipe 'taught' has a teacher"),
        ({"minutes": 1, "resume": True}, "give the output of the search to resume"),
    ],
)
def test_what_a_search_cannot_do_is_refused(file, options, message):
    with pytest.raises(SettingsError, match=message):
        wordgate.tune(file, model="count", progress=Silent(), **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"minutes": 3}, "--minutes has no effect without --family auto"),
        ({"model": "auto", "folds": 3}, "--folds has no effect with --family auto"),
        (
            {"model": "auto", "max_minutes": 3},
            "--max-minutes has no effect with --family auto",
        ),
    ],
)
def test_options_of_a_search_and_of_a_training_do_not_mix(file, options, message):
    with pytest.raises(SettingsError, match=message):
        wordgate.train(file, progress=Silent(), **options)


def test_the_commands_refuse_options_without_effect(file, tmp_path, capsys):
    train = ["train", str(file), "--out", str(tmp_path / "model")]
    for arguments, message in (
        (["--objective", "macro_f1"], "--objective macro_f1 is a score for a search"),
        (["--family", "auto", "--epochs", "3"], "--epochs has no effect with --family auto"),
    ):
        assert exit_code([*train, *arguments]) == 2
        assert message in capsys.readouterr().err.replace("\n", " ")


def test_the_command_prints_the_search_and_training_points_to_it(
    file, tmp_path, capsys, count_alone
):
    out, quick = str(tmp_path / "model"), ["--set", "count.c=1"]
    search = ["--family", "auto", "--trials", "2", "--objective", "macro_f1", *quick]
    assert exit_code(["train", str(file), "--out", out, *search]) == 0
    written = capsys.readouterr()
    assert "was selected from 2 trials" in written.out
    assert "Searching for 15 minutes" in written.err
    recipe = str(tmp_path / "mine.toml")
    tune = ["tune", str(file), "--family", "count", "--trials", "2", "--out", recipe, *quick]
    assert exit_code(tune) == 0
    assert f"--family count --recipe {recipe}" in capsys.readouterr().out
    plain = ["train", str(file), "--out", out, "--overwrite", "--family", "count", *quick]
    assert exit_code(plain) == 0
    assert "--family auto (15 minutes, or --minutes N)" in capsys.readouterr().out


def test_the_estimator_replaces_a_winner_over_a_limit(monkeypatch, count_alone):
    sizes = iter([9.0, 0.5])
    monkeypatch.setattr("wordgate.estimator.measure_bundle", lambda *_: (0.1, next(sizes)))
    texts, labels = zip(*texts_and_labels(), strict=True)
    options = {"minutes": 5, "trials": 2, "max_mb": 5.0, "settings": QUICK}
    found = wordgate.WordgateClassifier(model="auto", **options).fit(texts, labels).search_
    broken = {trial.number: trial.over_limits for trial in found.trials}
    assert sorted(broken.values()) == [(), ("size",)]
    assert broken[found.chosen] == ()


def test_the_estimator_searches(count_alone):
    from sklearn.base import clone

    texts, labels = zip(*texts_and_labels(), strict=True)
    options = {"minutes": 5, "trials": 2, "objective": "macro_f1", "settings": QUICK}
    classifier = clone(wordgate.WordgateClassifier(model="auto", **options)).fit(texts, labels)
    assert classifier.search_.objective == "macro_f1"
    assert classifier.predictor_.config.family == "count"
    assert classifier.predict(texts[:5]).shape == (5,)
    with pytest.raises(SettingsError, match="--minutes has no effect without --family auto"):
        wordgate.WordgateClassifier(model="count", minutes=5).fit(texts, labels)
