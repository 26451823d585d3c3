"""The comparison of an exported file with its model: the batches, and the differences it finds."""

import numpy as np
import pytest

from wordgate.errors import BundleError
from wordgate.export.inputs import InputForm, word_inputs
from wordgate.export.parity import RowAccuracy, check_made_up, check_rows
from wordgate.text.encoder import EncodedTexts

VOCABULARY = 1000
WORDS = InputForm(word_inputs, VOCABULARY)


def sure(lengths):
    """Probabilities that depend on a text's length: odd lengths are class 1."""
    odd = 0.1 + 0.8 * (lengths % 2)
    return np.stack([1 - odd, odd], axis=1)


def ours(texts):
    return sure(texts.lengths)


class Answering:
    """A session that answers by a function of ids and lengths."""

    def __init__(self, answer=lambda ids, lengths: sure(lengths)):
        self.answer = answer
        self.batches = []

    def probabilities(self, ids, lengths):
        self.batches.append((ids, lengths))
        return self.answer(ids, lengths).astype(np.float32)


def refusal(answer, *, int8=False):
    with pytest.raises(BundleError) as error:
        check_made_up(Answering(answer), ours, WORDS, int8=int8)
    return str(error.value)


def wrong_where(condition):
    """Answer the opposite where a condition of ids and lengths holds, bool [batch]."""
    return lambda ids, lengths: np.where(
        np.reshape(condition(ids, lengths), (-1, 1)), 1 - sure(lengths), sure(lengths)
    )


def test_agreement_is_reported():
    agreement = check_made_up(Answering(), ours, WORDS, int8=False)
    assert agreement.n > 256
    assert agreement.largest < 1e-6
    assert agreement.expected_loss == 0


def test_batches_of_1_to_256_texts_of_0_to_200_words_are_run():
    session = Answering()
    check_made_up(session, ours, WORDS, int8=False)
    alone = {int(lengths[0]) for _, lengths in session.batches if len(lengths) == 1}
    together = [lengths for _, lengths in session.batches if len(lengths) > 3]
    assert {0, 1, 200} <= alone
    assert {1, 2, 255, 256} <= {len(lengths) for _, lengths in session.batches}
    assert all({0, 200} <= set(lengths.tolist()) for lengths in together)
    assert any(ids.shape == (3, 0) for ids, _ in session.batches)


@pytest.mark.parametrize("vocabulary", [2, 1000, 200_000])
def test_every_word_stands_in_one_of_the_texts(vocabulary):
    session = Answering()
    check_made_up(session, ours, InputForm(word_inputs, vocabulary), int8=False)
    ids = np.unique(np.concatenate([ids.ravel() for ids, _ in session.batches]))
    assert np.array_equal(ids, np.arange(vocabulary))


def test_a_vocabulary_without_words_has_empty_texts():
    session = Answering()
    check_made_up(session, ours, InputForm(word_inputs, 1), int8=False)
    assert all(not lengths.any() for _, lengths in session.batches)


def test_no_text_is_longer_than_what_a_model_reads():
    session = Answering()
    check_made_up(session, ours, InputForm(word_inputs, VOCABULARY, longest=16), int8=False)
    longest = [int(lengths.max()) for _, lengths in session.batches]
    assert max(longest) == 16
    assert longest.count(16) > len(longest) / 2


def test_a_vocabulary_that_need_not_be_covered_takes_the_first_batches_alone():
    few, every = Answering(), Answering()
    check_made_up(few, ours, InputForm(word_inputs, 200_000, covered=False), int8=False)
    check_made_up(every, ours, InputForm(word_inputs, 200_000), int8=False)
    assert len(few.batches) < len(every.batches)
    assert max(len(lengths) for _, lengths in few.batches) == 256


def test_no_batch_is_larger_than_the_form_says():
    session = Answering()
    form = InputForm(word_inputs, VOCABULARY, largest_batch=64, covered=False)
    check_made_up(session, ours, form, int8=False)
    assert sorted({len(lengths) for _, lengths in session.batches}) == [1, 2, 3, 7, 16, 33, 64]


FAULTS = {
    "all but single texts": lambda ids, lengths: len(lengths) > 1,
    "batches of 256": lambda ids, lengths: len(lengths) == 256,
    "the last of a batch": lambda ids, lengths: np.arange(len(lengths)) == len(lengths) - 1,
    "empty texts": lambda ids, lengths: lengths == 0,
    "empty texts among others": lambda ids, lengths: (lengths == 0) & (lengths.max() > 0),
    "200 words": lambda ids, lengths: lengths == 200,
    "one word": lambda ids, lengths: (ids == 777).any(axis=1),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_any_fault_of_some_texts_is_noticed_in_float32(fault):
    message = refusal(wrong_where(FAULTS[fault]))
    assert message.startswith("not written: in a batch of ")
    assert message.endswith(
        ", a probability from ONNX Runtime differs from the model's by 0.8; at most 1e-05 is"
        " allowed"
    )


def test_float32_allows_the_last_digits_alone():
    def shifted(by):
        return lambda ids, lengths: sure(lengths) + np.array([by, -by])

    check_made_up(Answering(shifted(9e-6)), ours, WORDS, int8=False)
    assert refusal(shifted(1.2e-5)).endswith(" by 1.2e-05; at most 1e-05 is allowed")


@pytest.mark.parametrize("int8", [False, True])
def test_answers_that_are_no_numbers_are_refused(int8):
    assert refusal(lambda ids, lengths: sure(lengths) * np.nan, int8=int8).startswith("not written")


def test_answers_of_another_shape_are_refused():
    assert refusal(lambda ids, lengths: sure(lengths)[:, :1]) == (
        "not written: the output of ONNX Runtime has the shape [1, 1]; it must be [1, 2]"
    )


def test_int8_allows_labels_to_change_where_they_are_a_toss_up():
    def toss_up(texts):
        return np.tile([0.5001, 0.4999], (len(texts), 1))

    def other(ids, lengths):
        return np.tile([0.4999, 0.5001], (len(lengths), 1))

    agreement = check_made_up(Answering(other), toss_up, WORDS, int8=True)
    assert agreement.expected_loss == pytest.approx(0.0002)


def test_int8_is_refused_where_sure_labels_change():
    def seldom(ids, lengths):
        return lengths == 0

    assert refusal(wrong_where(seldom), int8=True).startswith(
        "not written: with int8, on random texts, the expected loss of accuracy is 0.0"
    )


def test_int8_is_refused_where_probabilities_are_off():
    halved = refusal(lambda ids, lengths: 0.5 + (sure(lengths) - 0.5) * 0.5, int8=True)
    assert halved == (
        "not written: with int8, on random texts, the mean absolute difference of the probabilities"
        " is 0.2; at most 0.02 is allowed; leave out --int8"
    )


def judged(n_rows, n_wrong):
    """Judge rows that the model gets right and the file, but for some, as well."""
    texts = EncodedTexts(np.ones(n_rows, np.int32), np.arange(n_rows + 1))
    wrong = iter(range(n_wrong))
    session = Answering(
        lambda ids, lengths: np.stack(
            [sure(lengths)[i] if next(wrong, None) is None else [1, 0] for i in range(len(ids))]
        )
    )
    return check_rows(session, texts, np.ones(n_rows, np.int64), ours, WORDS)


def test_rows_that_both_get_right_are_counted():
    assert judged(2000, 0) == RowAccuracy(n=2000, ours=2000, exported=2000)
    assert judged(2000, 6) == RowAccuracy(n=2000, ours=2000, exported=1994)


def test_more_than_0_3_points_of_accuracy_are_refused():
    with pytest.raises(BundleError) as error:
        judged(2000, 7)
    assert str(error.value) == (
        "not written: with int8, the accuracy on 2,000 rows is 0.9965 instead of 1.0000; a"
        " difference of 0.003 is allowed; leave out --int8"
    )


def test_of_few_rows_one_may_change():
    assert judged(20, 1).exported == 19
    with pytest.raises(BundleError, match=r"the accuracy on 20 rows is 0.9000 instead of 1.0000"):
        judged(20, 2)
