"""The transfer set of knowledge distillation: which texts, what a student learns of each."""

import time

import numpy as np
import pytest

from wordgate.data.dataset import Dataset
from wordgate.runtime.progress import Silent
from wordgate.text.augmentation import Augmenter
from wordgate.text.tokenizers import get_tokenizer
from wordgate.training.distillation import TransferSet, answered, ask
from wordgate.training.fitting import RunContext

AUGMENTER = Augmenter(get_tokenizer("messages"))


class Teacher:
    """Gives each text probabilities by its length, and remembers what it was asked."""

    name = "by length"

    def __init__(self):
        self.asked = []

    def log_proba(self, texts):
        self.asked += texts
        share = np.array([1 / (1 + len(text)) for text in texts])
        return np.log(np.stack([share, 1 - share], axis=1))


@pytest.fixture
def transfer(examples, settings):
    def make(n=20, unlabelled=(), seed=0, **changes):
        train = examples(n)
        made = TransferSet.of(train, list(unlabelled), AUGMENTER, settings(**changes), seed)
        return train, made

    return make


def asked_all(made):
    answers = np.full((len(made), 2), np.nan, np.float32)
    ask(Teacher(), made.texts, made.order, answers, RunContext(0, Silent()))
    return answers


def test_training_texts_come_first_then_those_without_labels_then_variations(transfer):
    train, made = transfer(20, ["one two", "three four"], teacher_variations=3)
    assert made.texts[:22] == [*train.texts, "one two", "three four"]
    assert (made.n_labelled, made.n_unlabelled) == (20, 2)
    assert 22 < len(made) <= 22 + 3 * 22
    assert sorted(made.order.tolist()) == list(range(len(made)))
    assert sorted(made.order[:20].tolist()) == list(range(20))
    assert sorted(made.order[20:22].tolist()) == [20, 21]


def test_a_variation_has_the_group_of_its_text(transfer):
    _, made = transfer(5, teacher_variations=10)
    words = [set(text.split()) for text in made.texts]
    of_group = {group: words[i] for i, group in enumerate(made.groups[:5])}
    whole = sum(
        own <= of_group[group] for own, group in zip(words[5:], made.groups[5:], strict=True)
    )
    assert whole > 0.5 * len(words[5:])  # joined ones have words of another text, too
    assert set(made.groups) <= set(of_group)


def test_there_are_no_more_texts_than_the_settings_say(transfer):
    _, made = transfer(20, [f"text {i}" for i in range(50)], teacher_texts=30)
    assert (len(made), made.n_labelled, made.n_unlabelled) == (30, 20, 10)
    _, made = transfer(20, ["a b"], teacher_texts=5)
    assert (len(made), made.n_labelled, made.n_unlabelled) == (20, 20, 0)
    _, made = transfer(20, ["a b"], teacher_variations=0)
    assert len(made) == 21


def test_the_seed_decides_the_variations(transfer):
    assert transfer(seed=1)[1].texts == transfer(seed=1)[1].texts
    assert transfer(seed=1)[1].texts != transfer(seed=2)[1].texts


def test_training_texts_mix_teacher_and_label_and_others_have_the_teacher_alone(transfer):
    train, made = transfer(20, ["a b c"])
    answers = asked_all(made)
    learned = made.dataset(train, answers, 0.7)
    assert learned.texts == made.texts
    labels = np.eye(2)[train.targets]
    np.testing.assert_allclose(
        learned.soft_targets[:20], 0.7 * np.exp(answers[:20]) + 0.3 * labels, atol=1e-6
    )
    np.testing.assert_allclose(learned.soft_targets[20:], np.exp(answers[20:]), atol=1e-6)
    assert (learned.targets[:20] == train.targets).all()
    assert (learned.targets[20:] == answers[20:].argmax(axis=1)).all()


def test_texts_that_no_teacher_labeled_keep_their_label_or_are_left_out(transfer):
    train, made = transfer(20, ["a b c"])
    answers = asked_all(made)
    answers[[3, 20, 25]] = np.nan
    learned = made.dataset(train, answers, 1.0)
    assert len(learned.texts) == len(made) - 2
    assert learned.texts[:20] == train.texts
    assert learned.soft_targets[3].tolist() == np.eye(2)[train.targets[3]].tolist()
    assert np.isfinite(learned.soft_targets).all()
    np.testing.assert_allclose(learned.soft_targets.sum(axis=1), 1.0, atol=1e-5)


def test_only_texts_without_an_answer_are_asked_about(transfer):
    _, made = transfer()
    answers = asked_all(made)
    before = answers.copy()
    answers[[2, 5]] = np.nan
    teacher = Teacher()
    ask(teacher, made.texts, made.order, answers, RunContext(0, Silent()))
    assert sorted(teacher.asked) == sorted([made.texts[2], made.texts[5]])
    assert (answers == before).all()


def test_nothing_is_asked_once_the_time_is_over(transfer):
    _, made = transfer()
    answers = np.full((len(made), 2), np.nan, np.float32)
    teacher = Teacher()
    ask(
        teacher, made.texts, made.order, answers, RunContext(0, Silent(), deadline=time.monotonic())
    )
    assert not teacher.asked
    assert not answered(answers).any()


def test_soft_targets_of_certainty_teach_as_labels_do(examples, fit_model):
    train, valid = examples(60), examples(30, seed=1)
    soft = np.eye(2, dtype=np.float32)[train.targets]
    hard = fit_model(train, valid)
    taught = fit_model(Dataset(train.texts, train.targets, None, soft), valid)
    for one, other in zip(hard.history, taught.history, strict=True):
        assert one.valid_loss == pytest.approx(other.valid_loss, abs=1e-5)
        assert one.train_accuracy == other.train_accuracy


def test_a_student_learns_probabilities_that_no_label_has(examples, fit_model):
    train = examples(200)
    soft = np.tile(np.array([0.3, 0.7], np.float32), (200, 1))
    valid = Dataset(train.texts, np.ones(200, np.int64), None)
    taught = fit_model(Dataset(train.texts, train.targets, None, soft), valid, epochs=20)
    assert np.exp(taught.model.log_proba(train.texts))[:, 1].mean() == pytest.approx(0.7, abs=0.03)


def test_other_soft_targets_are_other_examples(examples):
    train = examples(10)
    soft = np.eye(2, dtype=np.float32)[train.targets]
    one = Dataset(train.texts, train.targets, None, soft)
    other = Dataset(train.texts, train.targets, None, 0.5 * soft + 0.25)
    assert len({train.digest(), one.digest(), other.digest()}) == 3
    rows = np.array([4, 2])
    assert (one.part(rows).soft_targets == soft[rows]).all()
