"""From a teacher's outputs to vectors: which words, in which order, and refusals."""

import time

import numpy as np
import pytest
from tests.conftest import RecordingProgress

from wordgate.errors import DataError, SettingsError
from wordgate.runtime.progress import Silent
from wordgate.vectors.distilling import SPREAD, WordOutputs, distill_words

WORDS = [f"w{i:03d}" + "x" * (i % 7) for i in range(200)]


class Made:
    """A teacher made of random numbers: a subword a character, and "?" a word it does not know."""

    name = "made"

    def __init__(self, hidden_size=8, seed=0):
        self.hidden_size = hidden_size
        rng = np.random.default_rng(seed)
        spread = np.linspace(3.0, 1.0, hidden_size)  # so that directions differ in variance
        self.rows = {
            word: (rng.normal(size=hidden_size) * spread + 5).astype("f4") for word in WORDS
        }
        self.asked = []

    def count_subwords(self, words):
        return [len(word) for word in words]

    def outputs(self, words):
        self.asked.append(list(words))
        rows = [self.rows.get(word, np.zeros(self.hidden_size, "f4")) for word in words]
        return WordOutputs(np.stack(rows), np.array(["?" not in word for word in words]))


def distil(words=WORDS, teacher=None, **options):
    return distill_words(words, teacher or Made(), progress=Silent(), **options)


def distances(rows):
    return np.linalg.norm(rows[:, None] - rows[None], axis=2)


def test_all_components_keep_the_distances_of_the_outputs():
    teacher = Made()
    made = distil(teacher=teacher)
    assert made.words == WORDS
    assert (made.vectors.shape, made.vectors.dtype) == ((200, 8), np.float32)
    assert made.variance == pytest.approx(1.0)
    before = distances(np.stack([teacher.rows[word] for word in WORDS]).astype(float))
    after = distances(made.vectors.astype(float))
    np.testing.assert_allclose(after / after.max(), before / before.max(), atol=1e-5)


def test_vectors_are_centred_uncorrelated_and_of_the_stated_spread():
    vectors = distil(dim=5).vectors.astype(float)
    np.testing.assert_allclose(vectors.mean(axis=0), 0, atol=1e-7)
    covariance = vectors.T @ vectors / len(vectors)
    variances = np.diag(covariance)
    np.testing.assert_allclose(covariance, np.diag(variances), atol=1e-8)
    assert list(variances) == sorted(variances, reverse=True)
    assert np.sqrt(np.square(vectors).mean()) == pytest.approx(SPREAD)


def test_fewer_numbers_are_the_first_of_more_numbers():
    few, many = distil(dim=3), distil(dim=8)
    ratio = few.vectors[0, 0] / many.vectors[0, 0]  # each is scaled to the same spread
    np.testing.assert_allclose(few.vectors, ratio * many.vectors[:, :3], rtol=1e-4)
    assert 0.4 < few.variance < 0.9


def test_a_words_vector_does_not_depend_on_the_order_of_the_words():
    order = np.random.default_rng(1).permutation(len(WORDS))
    mixed = distil([WORDS[i] for i in order]).vectors
    np.testing.assert_allclose(mixed, distil().vectors[order], atol=1e-6)


def test_words_of_as_many_subwords_are_asked_together():
    teacher = Made()
    distil(teacher=teacher)
    lengths = [len(word) for batch in teacher.asked for word in batch]
    assert lengths == sorted(lengths, reverse=True)
    assert [len(batch) for batch in teacher.asked] == [128, 72]


def test_progress_is_shown():
    progress = RecordingProgress()
    distill_words(WORDS, Made(), progress=progress)
    assert [total for total, _ in progress.bars] == [2, None]
    assert progress.labels == ["128 of 200 words", "200 of 200 words"]


def test_words_the_teacher_does_not_know_are_left_out():
    made = distil([*WORDS[:50], "a?", *WORDS[50:], "b?"])
    assert (made.words, made.unknown) == (WORDS, ["a?", "b?"])
    np.testing.assert_allclose(made.vectors, distil().vectors, atol=1e-6)


def test_without_a_size_there_are_300_numbers_or_what_there_can_be():
    assert distil(teacher=Made(hidden_size=8)).vectors.shape == (200, 8)
    assert distil(WORDS[:5]).vectors.shape == (5, 4)
    many = [f"m{i}" for i in range(310)]
    teacher = Made(hidden_size=305)
    chance = np.random.default_rng(0)
    teacher.rows = {word: chance.normal(size=305).astype("f4") for word in many}
    assert distil(many, teacher).vectors.shape == (310, 300)


@pytest.mark.parametrize(
    ("size", "why"),
    [
        (0, "size is 0; it must be a whole number of at least 1"),
        (-1, "size is -1; it must be a whole number of at least 1"),
        (9, "size is 9, but the outputs of the teacher 'made' have 8 dimensions: use 1 to 8"),
    ],
)
def test_a_size_the_teacher_has_not_is_refused_before_the_work(size, why):
    teacher = Made()
    with pytest.raises(SettingsError) as error:
        distil(teacher=teacher, dim=size)
    assert str(error.value) == why
    assert teacher.asked == []


def test_a_size_the_words_cant_give_is_refused():
    assert distil(WORDS[:5], dim=4).vectors.shape == (5, 4)
    with pytest.raises(SettingsError, match=r"^size is 5, but 5 words give 4 components at most$"):
        distil(WORDS[:5], dim=5)


@pytest.mark.parametrize(("words", "known"), [(["w000"], 1), (["w000", "?"], 1), (["?", "??"], 0)])
def test_one_word_alone_has_no_vector(words, known):
    with pytest.raises(DataError) as error:
        distil(words)
    assert str(error.value) == (
        f"the teacher 'made' knows {known} of {len(words)} words: at least two words are needed"
    )


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_teacher_of_damaged_weights_is_refused(value):
    teacher = Made()
    teacher.rows["w007"][3] = value
    with pytest.raises(DataError) as error:
        distil(teacher=teacher)
    assert str(error.value) == (
        "the teacher 'made' outputs values that are not finite for the word 'w007': its weights are"
        " damaged"
    )


@pytest.mark.parametrize("value", [0.0, 0.3])
def test_a_teacher_with_the_same_vector_for_all_words_is_refused(value):
    teacher = Made()
    teacher.rows = {word: np.full(8, value, "f4") for word in WORDS}
    with pytest.raises(DataError, match=r"^the teacher 'made' has the same output for every word"):
        distil(teacher=teacher)


def test_words_that_the_deadline_leaves_out_are_counted_and_have_no_vector(monkeypatch):
    progress = RecordingProgress()
    monkeypatch.setattr("wordgate.vectors.distilling._AT_ONCE", 50)
    teacher = Made()
    made = distill_words(WORDS, teacher, progress=progress, deadline=time.monotonic())
    (first,) = teacher.asked
    assert sorted(made.words) == sorted(first)
    assert WORDS[0] in first
    assert progress.lines[0] == "The time limit left 150 of 200 words without a vector"
    assert distil(deadline=time.monotonic() + 1000).words == WORDS
    teacher.asked, teacher.count_subwords = [], lambda words: [1] * len(words)
    made = distill_words(WORDS, teacher, progress=progress, deadline=time.monotonic())
    assert teacher.asked == [WORDS[:50]]
    assert made.words == WORDS[:50]
