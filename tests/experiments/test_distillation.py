"""Distillation: what students learn, refusals, reports, and resuming."""

import json
import shutil
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from tests.conftest import RecordingProgress

import wordgate
from wordgate.data.dataset import Dataset
from wordgate.errors import BundleError, DataError, SettingsError
from wordgate.experiments import students, teachers
from wordgate.experiments import train as train_module
from wordgate.experiments.unlabelled import Unlabelled, read_unlabelled
from wordgate.runtime.progress import Silent
from wordgate.training import checkpoint as pace
from wordgate.training import distillation

TEACHING = {"teacher.texts": 400, "teacher.variations": 2}


@pytest.fixture(scope="session")
def reviews(tmp_path_factory):
    """A file of 200 texts that are no copies of each other."""
    rng = np.random.default_rng(0)
    rows = [rng.integers(0, 60, 10) for _ in range(200)]
    labels = ["good" if row.min() < 4 else "bad" for row in rows]
    texts = [" ".join(f"w{word}" for word in row) for row in rows]
    lines = [",".join(row) for row in zip(texts, labels, strict=True)]
    file = tmp_path_factory.mktemp("distinct") / "reviews.csv"
    file.write_text("\n".join(["text,label", *lines]), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def teacher(reviews, tmp_path_factory):
    """A saved model of word counts, trained on these texts."""
    out = tmp_path_factory.mktemp("teacher") / "count"
    wordgate.train(reviews, model="count", out=out, progress=Silent())
    return out


@pytest.fixture
def teach(reviews, teacher, tiny):
    """Train an LSTM that the saved model teaches, fast."""

    def call(data=reviews, **options):
        settings = {**tiny, **TEACHING, **options.pop("settings", {})}
        options = {"teacher": str(teacher), "progress": Silent(), **options}
        if "vectors" in options:  # which have a size of their own
            del settings["lstm.embedding_size"]
        return wordgate.train(data, settings=settings, **options)

    return call


def test_the_stages_of_distillation_are_named_as_they_begin(teach, teacher):
    progress = RecordingProgress()
    teach(progress=progress)
    named = [line for line in progress.lines if line.endswith(" ...")]
    stages = [
        f"Loading the teacher {teacher} ...",
        "Looking for test rows that the teacher was trained on ...",
        "Making variations of the texts ...", "The teacher labels up to 431 texts ...",
    ]  # fmt: skip
    assert [line for line in named if line in stages] == stages


def test_a_saved_model_teaches_and_its_scores_are_reported(teach, teacher):
    progress = RecordingProgress()
    training = teach(progress=progress)
    found = training.metrics.teacher
    expected = json.loads((teacher / "metrics.json").read_text(encoding="utf-8"))
    assert found.name == str(teacher)
    assert found.accuracy == pytest.approx(expected["accuracy"])
    assert found.log_loss == pytest.approx(expected["log_loss"], abs=1e-6)
    assert found.n_labelled == training.metrics.split.n_train
    assert (found.n_unlabelled, found.n_left_out) == (0, 0)
    assert 0 < found.n_variations <= 400 - found.n_labelled
    assert 0 <= found.agreement <= 1
    assert found.difference.difference == pytest.approx(training.metrics.accuracy - found.accuracy)
    assert training.predictor.config.recipe == "taught"
    assert training.predictor.config.settings["teacher"]["models"] == [str(teacher)]
    assert "labeled" in "\n".join(progress.lines)


def test_a_student_learns_from_probabilities_alone(teach, reviews, teacher, monkeypatch):
    """Of a teacher that is always sure of the first label, students learn that label."""
    monkeypatch.setattr(
        teachers.ModelTeacher,
        "log_proba",
        lambda self, texts: np.log(np.tile([[1 - 1e-6, 1e-6]], (len(texts), 1))),
    )
    training = teach(settings={"teacher.weight": 1.0, "lstm.epochs": 3})
    assert training.metrics.history[-1].train_accuracy > 0.95
    assert training.metrics.teacher.accuracy < 0.7


def test_weights_of_labels_do_not_weigh_what_the_teacher_says(reviews, teacher, tiny):
    """A teacher alone decides with `teacher.weight` 1; with 0 the labels do, and their weights."""
    texts = [line.partition(",")[0] for line in reviews.read_text().splitlines()[1:]]

    def proba(share, weights):
        settings = {**tiny, **TEACHING, "teacher.weight": share, "lstm.epochs": 3}
        del settings["lstm.class_weight"]
        settings["class_weight"] = weights
        trained = wordgate.train(reviews, teacher=teacher, settings=settings, progress=Silent())
        return trained.predictor.predict_proba(texts)[:, 1]

    plain, weighed = (proba(1.0, weights) for weights in ("none", {"good": 30.0}))
    assert weighed == pytest.approx(plain, abs=0.01)
    plain, weighed = (proba(0.0, weights) for weights in ("none", {"good": 30.0}))
    assert weighed.mean() > plain.mean() + 0.03


def test_without_a_recipe_a_teacher_means_the_recipe_taught(teach):
    assert teach(recipe="default").predictor.config.recipe == "default"


def test_a_teacher_that_knows_the_test_rows_is_refused(teach, reviews):
    with pytest.raises(SettingsError, match="was trained on test rows of the student"):
        teach(seed=5)  # another split


def test_a_teacher_of_other_labels_is_refused(teach, tmp_path):
    rows = [
        f"{'good' if i % 2 else 'bad'} lamp number {i},{'x' if i % 2 else 'y'}" for i in range(80)
    ]
    file = tmp_path / "other.csv"
    file.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    with pytest.raises(SettingsError, match=r"has the labels .*, and the data has x, y"):
        teach(file)


def test_several_teachers_answer_with_the_mean_of_their_log_probabilities():
    class Fixed(teachers.ModelTeacher):
        def log_proba(self, texts):
            return np.log(np.tile([self.columns], (len(texts), 1)))

    one, other = Fixed("a", None, 1.0, (0.8, 0.2)), Fixed("b", None, 1.0, (0.5, 0.5))
    mean = teachers.MeanTeacher([one, other])
    assert mean.name == "a + b"
    product = np.sqrt([0.8 * 0.5, 0.2 * 0.5])
    np.testing.assert_allclose(np.exp(mean.log_proba(["x"]))[0], product / product.sum())


def test_columns_follow_the_datas_labels(teacher):
    saved = teachers.load_saved([str(teacher)], Silent())[str(teacher)]
    texts = ["We love this lamp", "It broke"]
    there = saved.teacher(saved.labels).log_proba(texts)
    turned = saved.teacher(saved.labels[::-1]).log_proba(texts)
    np.testing.assert_allclose(turned, there[:, ::-1])
    predictor = wordgate.load(teacher)
    np.testing.assert_allclose(there, predictor.log_proba(texts))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"model": "count"}, "teacher.models has no effect"),
        (
            {"teacher": None, "unlabelled": "more.csv"},
            "--unlabelled has no effect without a teacher",
        ),
        ({"teacher": None, "teaching_minutes": 1.0}, "--teaching-minutes has no effect"),
        ({"teaching_minutes": 0.0}, "it must be a number above 0"),
    ],
)
def test_options_without_effect_are_refused(reviews, teacher, options, message):
    options = {"teacher": str(teacher), **options}
    with pytest.raises(SettingsError, match=message):
        wordgate.train(reviews, progress=Silent(), **options)


def test_settings_of_distillation_need_a_teacher(reviews):
    with pytest.raises(SettingsError, match=r"teacher\.weight has no effect without a teacher"):
        wordgate.train(reviews, settings={"teacher.weight": 0.5}, progress=Silent())


def test_a_teacher_that_is_not_there_ends_it_before_any_work(teach):
    progress = RecordingProgress()
    with pytest.raises((DataError, wordgate.WordgateError), match="nowhere"):
        teach(teacher="nowhere", progress=progress)
    assert not progress.lines


# Texts without labels.


def write(path, texts, header="text"):
    path.write_text("\n".join([header, *(f'"{text}"' for text in texts)]), encoding="utf-8")
    return path


def test_texts_without_labels_are_taught_but_for_duplicates_of_held_out_rows(
    teach, reviews, tmp_path, monkeypatch
):
    table = wordgate.data.read_table(reviews)
    own = [f"A text of its own, number {i}, about kettles" for i in range(30)]
    file = write(tmp_path / "more.csv", [*own, *own[:5], *table.texts])
    learned = {}
    fit = students.fit_calibrated
    monkeypatch.setattr(
        students,
        "fit_calibrated",
        lambda family, data, *rest: learned.update(train=data.train) or fit(family, data, *rest),
    )
    training = teach(unlabelled=file, settings={"teacher.texts": 1000})
    teacher = training.metrics.teacher
    assert (teacher.n_unlabelled, teacher.n_left_out) == (30, 0)
    assert set(own) <= set(learned["train"].texts)


def test_near_duplicates_and_groups_of_rows_held_out_are_left_out(examples_of_rows):
    texts, groups, held = examples_of_rows
    near = texts[0].replace("kettle", "teapot", 1)
    beside = Unlabelled.beside(
        texts, groups, [near, "something else entirely, of nobody", "by group"], ["", "", groups[1]]
    )
    assert len(beside) == 3
    assert beside.without(held) == ["something else entirely, of nobody"]
    assert beside.without() == [near, "something else entirely, of nobody", "by group"]


@pytest.fixture
def examples_of_rows():
    texts = [
        "the kettle that I bought here boils water faster than any other that I have had so far",
        "a lamp as bright as the sun stands in our hall since yesterday evening",
        "nobody answered the telephone when I called about my broken chair",
    ]
    held = Dataset(texts[:2], np.array([0, 1]), None)
    return texts, ["g1", "g2", "g3"], held


@pytest.mark.parametrize("header", ["text", "topic,text"])
def test_a_prefix_of_a_text_hides_no_duplicate_of_a_row_held_out(tmp_path, header):
    """A file has the text alone, or under another topic; the data has it under a topic."""
    long = "the kettle that I bought here boils water faster than any other that I have had so far"
    rows = [("Borderlands", "lol so nice"), ("Home", long), ("Home", "nobody knows my chair")]
    front = "Xbox," if "topic" in header else ""
    data, file = tmp_path / "data.csv", tmp_path / "more.csv"
    labelled = [f"{topic},{text},{'ab'[row % 2]}" for row, (topic, text) in enumerate(rows)]
    data.write_text("\n".join(["topic,text,label", *labelled]), encoding="utf-8")
    more = ["lol so nice", long.replace("kettle", "teapot"), "a lamp of my own"]
    file.write_text("\n".join([header, *(front + text for text in more)]), encoding="utf-8")
    table = wordgate.data.read_table(data, text=["topic", "text"], label="label")
    assert table.texts[0] == "Borderlands | lol so nice"
    found = read_unlabelled([file], table, Silent())
    before = "Xbox | " if front else ""
    assert found.texts == [before + text for text in more[1:]]
    held = Dataset(table.texts[:2], np.array([0, 1]), None)
    assert found.without(held) == [before + more[2]]
    assert found.without(Dataset(table.texts[2:], np.array([0]), None)) == found.texts


def test_a_file_is_read_by_the_columns_of_the_data_or_by_itself(teach, tmp_path):
    progress = RecordingProgress()
    file = write(tmp_path / "plain.csv", [f"plain text number {i}" for i in range(20)], "body")
    training = teach(unlabelled=[file], progress=progress, settings={"teacher.texts": 1000})
    assert training.metrics.teacher.n_unlabelled == 20
    assert "texts without labels:" in "\n".join(progress.lines)
    with pytest.raises(DataError, match=r"nothing\.csv"):
        teach(unlabelled=tmp_path / "nothing.csv")


# Folds, time, interruptions.


def test_each_fold_has_a_teacher_of_its_own(teach, tiny_transformer, monkeypatch):
    fitted = []
    fit = students.fit_calibrated

    def counting(family, data, *rest):
        fitted.append((family, len(data.train)))
        return fit(family, data, *rest)

    for module in (students, teachers):
        monkeypatch.setattr(module, "fit_calibrated", counting)
    fast = {"transformer.epochs": 1, "transformer.min_updates": 0, "transformer.max_tokens": 16}
    training = teach(teacher=str(tiny_transformer), folds=2, settings=fast)
    assert [family for family, _ in fitted] == [
        *("count", *3 * ["transformer", "lstm"], "count", "count"),
    ]
    assert len(training.metrics.folds.folds) == 2
    assert training.metrics.vectors.file == f"distilled from {tiny_transformer}"
    assert training.predictor.config.vectors == training.metrics.vectors.file
    settings = training.predictor.config.settings
    assert settings["lstm"]["embedding_size"] == 16 + settings["lstm"]["vectors_extra_size"]


def test_a_saved_teacher_can_teach_no_folds(teach):
    with pytest.raises(SettingsError, match="was trained on test rows of the student"):
        teach(folds=2)


def test_the_time_for_distillation_is_kept(teach, monkeypatch):
    monkeypatch.setattr(distillation, "_AT_ONCE", 50)
    clock = iter(time.monotonic() + 1000.0 * np.arange(10_000))
    monkeypatch.setattr(distillation, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    progress = RecordingProgress()
    training = teach(progress=progress, teaching_minutes=42)
    teacher = training.metrics.teacher
    assert teacher.n_labelled + teacher.n_variations == 100
    assert "there was no time for" in "\n".join(progress.lines)


@pytest.fixture
def interrupt(teach, tmp_path, monkeypatch):
    """Interrupt a teaching after its first texts."""
    monkeypatch.setattr(distillation, "_AT_ONCE", 50)
    out = tmp_path / "student"
    log_proba, calls = teachers.ModelTeacher.log_proba, []

    def interrupting(self, texts):
        calls.append(len(texts))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return log_proba(self, texts)

    monkeypatch.setattr(teachers.ModelTeacher, "log_proba", interrupting)

    def call(**options):
        with pytest.raises(KeyboardInterrupt, match="--resume to continue"):
            teach(out=out, **options)
        assert not out.exists()
        assert (tmp_path / "student.teaching").is_dir()
        return out, calls

    return call


@pytest.fixture
def interrupted(interrupt):
    """A teaching that was interrupted after its first texts."""
    return interrupt()


def test_an_interrupted_distillation_is_resumed_without_asking_twice(interrupted, teach):
    out, calls = interrupted
    whole = teach(out=out.with_name("whole"))
    answered_before, asked_by_whole = sum(calls[:2]), sum(calls[3:])
    del calls[3:]
    training = teach(out=out, resume=True)
    assert sum(calls[3:]) == asked_by_whole - answered_before
    assert training.metrics.confusion == whole.metrics.confusion
    assert training.metrics.log_loss == pytest.approx(whole.metrics.log_loss)
    assert not out.with_name("student.teaching").exists()
    assert out.is_dir()


def test_an_interrupted_distillation_is_not_passed_over(interrupted, teach):
    out, _ = interrupted
    with pytest.raises(BundleError, match="continue it with --resume, or start over with"):
        teach(out=out)
    teach(out=out, overwrite=True)
    assert not out.with_name("student.teaching").exists()


def test_another_distillation_is_not_resumed(interrupted, teach):
    out, _ = interrupted
    with pytest.raises(BundleError, match=r"teacher\.weight 0\.7 instead of 0\.5"):
        teach(out=out, resume=True, settings={"teacher.weight": 0.5})


def test_a_distillation_is_not_resumed_with_a_teacher_that_was_trained_again(
    interrupt, teach, teacher, reviews, tmp_path
):
    own = tmp_path / "own-teacher"
    shutil.copytree(teacher, own)
    out, _ = interrupt(teacher=str(own))
    kept = out.with_name("student.teaching") / "answers.safetensors"
    before = kept.read_bytes()
    shutil.rmtree(own)
    again = {"count.c": 0.01}
    wordgate.train(reviews, model="count", out=own, settings=again, progress=Silent())
    with pytest.raises(BundleError, match="a teaching with other files of the teachers; give"):
        teach(out=out, teacher=str(own), resume=True)
    assert kept.read_bytes() == before
    teach(out=out, teacher=str(own), overwrite=True)


def test_a_distillation_is_not_resumed_with_other_word_vectors_of_the_same_name(
    interrupt, teach, tmp_path
):
    file = tmp_path / "words.txt"

    def write_vectors(seed):
        numbers = np.random.default_rng(seed).normal(size=(60, 4))
        lines = [
            f"w{word} {' '.join(map('{:.3f}'.format, row))}" for word, row in enumerate(numbers)
        ]
        file.write_text("\n".join(lines), encoding="utf-8")

    write_vectors(0)
    out, _ = interrupt(vectors=file)
    write_vectors(1)
    with pytest.raises(BundleError, match="a teaching with other word vectors; give"):
        teach(out=out, vectors=file, resume=True)


def test_damaged_answers_are_refused(interrupted, teach):
    out, _ = interrupted
    file = out.with_name("student.teaching") / "answers.safetensors"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(BundleError, match="damaged"):
        teach(out=out, resume=True)


class Killed(BaseException):
    """Ends a training where a kill would."""


def train_until_killed(teach, out, step):
    """Let a training be killed before a step of clearing up, from 0; tell whether it was."""
    left = [None]

    def stepping(real):
        def call(*arguments, **options):
            if left[0] is not None:
                left[0] -= 1
                if left[0] < 0:
                    raise Killed
            return real(*arguments, **options)

        return call

    def written(*arguments, real=train_module.write_bundle, **options):
        real(*arguments, **options)
        left[0] = step

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(train_module, "write_bundle", written)
        patch.setattr(pace, "_SOONEST", 0.0)
        patch.setattr(pace, "_SHARE", 0.0)  # a checkpoint after every update
        for name in ("unlink", "rmdir", "touch"):
            patch.setattr(Path, name, stepping(getattr(Path, name)))
        try:
            teach(out=out)
        except Killed:
            return True
    return False


@pytest.mark.slow
def test_files_of_a_distillation_killed_after_the_model_block_no_command(teach, tmp_path):
    found = set()
    for step in range(99):
        out = tmp_path / f"killed{step}"
        if not train_until_killed(teach, out, step):
            break
        made = (out / "metrics.json").read_bytes()
        if out.with_name(f"{out.name}.checkpoint").exists():
            found.add("gone on with")
            teach(out=out, resume=True)
        else:
            found.add("cleared" if out.with_name(f"{out.name}.teaching").exists() else "clear")
            with pytest.raises(BundleError, match=r"killed[0-9]+ exists"):
                teach(out=out)
            assert (out / "metrics.json").read_bytes() == made
        assert [file.name for file in tmp_path.glob(f"{out.name}*")] == [out.name]
    assert found >= {"gone on with", "cleared"}
    assert step > 5


# What of it others see.


def test_the_estimator_is_taught(reviews_texts, tiny, tiny_transformer):
    texts, labels = reviews_texts
    settings = {
        **tiny, **TEACHING, "transformer.epochs": 1, "transformer.min_updates": 0,
        "transformer.max_tokens": 16,
    }  # fmt: skip
    classifier = wordgate.WordgateClassifier(teacher=str(tiny_transformer), settings=settings)
    more = [f"one more text, number {i}" for i in range(10)]
    classifier.fit(texts, labels, unlabelled=more)
    assert classifier.predictor_.config.recipe == "taught"
    assert classifier.taught_.n_unlabelled == 10
    assert set(classifier.predict(texts)) <= set(labels)


@pytest.fixture
def reviews_texts(reviews):
    table = wordgate.data.read_table(reviews)
    return table.texts, table.labels


def test_files_of_others_in_the_folder_of_a_distillation_stay(interrupted, teach):
    out, _ = interrupted
    kept = out.with_name("student.teaching")
    (kept / "notes.txt").write_text("mine", encoding="utf-8")
    teach(out=out, overwrite=True)
    assert [file.name for file in kept.iterdir()] == ["notes.txt"]


def test_a_taught_mlp_that_was_interrupted_is_resumed_without_fitting_its_teacher_again(
    reviews, tiny_mlp, tiny_transformer, tmp_path, monkeypatch
):
    fast = {"transformer.epochs": 1, "transformer.min_updates": 0, "transformer.max_tokens": 16}
    fitted, fit = [], teachers.fit_calibrated

    def counting(*arguments, **options):
        fitted.append(arguments[0])
        return fit(*arguments, **options)

    def interrupting(self, texts):
        raise KeyboardInterrupt

    def train(out, **options):
        return wordgate.train(
            reviews, model="mlp", teacher=str(tiny_transformer), out=out,
            settings={**tiny_mlp, **TEACHING, **fast}, progress=Silent(), **options,
        )  # fmt: skip

    monkeypatch.setattr(teachers, "fit_calibrated", counting)
    out = tmp_path / "student"
    with monkeypatch.context() as patched:
        patched.setattr(teachers.ModelTeacher, "log_proba", interrupting)
        with pytest.raises(KeyboardInterrupt, match="--resume to continue"):
            train(out)
    kept = {"student.teaching", "student.baseline"}
    assert {file.name for file in tmp_path.iterdir()} == kept
    training = train(out, resume=True)
    assert fitted == ["transformer"]
    assert [file.name for file in tmp_path.iterdir()] == ["student"]
    assert training.metrics.confusion == train(tmp_path / "whole").metrics.confusion
