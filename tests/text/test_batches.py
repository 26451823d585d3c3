import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wordgate.text.batches import PaddedBatch, bucketed
from wordgate.text.encoder import EncodedTexts


def texts_of(lengths):
    """Texts of these lengths, with the ids 1, 2, 3 ... over all of them."""
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return EncodedTexts(ids=np.arange(1, offsets[-1] + 1, dtype=np.int32), offsets=offsets)


def random_texts(n, seed=0):
    return texts_of(np.random.default_rng(seed).integers(0, 60, size=n))


def rows_of(batches):
    return [batch.rows.tolist() for batch in batches]


@given(
    st.lists(st.integers(0, 30), max_size=60),
    st.integers(1, 9),
    st.integers(1, 8),
    st.one_of(st.none(), st.integers(0, 5)),
)
def test_every_text_stands_once_whole_and_padded_right(lengths, batch_size, round_to, seed):
    encoded = texts_of(lengths)
    rng = None if seed is None else np.random.default_rng(seed)
    seen = []
    for batch in bucketed(encoded, batch_size=batch_size, rng=rng, round_to=round_to):
        assert len(batch.rows) <= batch_size
        longest = max(encoded.lengths[batch.rows])
        time = batch.ids.shape[1]
        assert time % round_to == 0
        assert longest <= time < max(longest, 1) + round_to
        for row, ids, length in zip(batch.rows, batch.ids, batch.lengths, strict=True):
            expected = encoded.ids[encoded.offsets[row] : encoded.offsets[row + 1]].tolist()
            assert ids.tolist() == expected + [0] * (time - length)
            seen.append(row)
    assert sorted(seen) == list(range(len(lengths)))


def test_shapes_and_types():
    (batch,) = bucketed(texts_of([2, 0, 5]), batch_size=8, rng=None)
    assert batch.ids.tolist() == [[3, 4, 5, 6, 7] + [0] * 3, [1, 2] + [0] * 6, [0] * 8]
    assert (batch.rows.tolist(), batch.lengths.tolist()) == ([2, 0, 1], [5, 2, 0])
    assert {batch.rows.dtype, batch.ids.dtype, batch.lengths.dtype} == {np.dtype(np.int64)}


def test_prediction_reads_the_longest_texts_first():
    encoded = random_texts(100)
    lengths = [n for b in bucketed(encoded, batch_size=7, rng=None) for n in b.lengths]
    assert lengths == sorted(encoded.lengths, reverse=True)


def test_the_seed_decides_the_batches():
    encoded = random_texts(500)
    one, same, other = (
        rows_of(bucketed(encoded, batch_size=16, rng=np.random.default_rng(seed)))
        for seed in (1, 1, 2)
    )
    assert one == same
    assert one != other


@pytest.mark.parametrize("n", [64, 500, 20_000])
def test_every_epoch_mixes_anew_which_texts_share_a_batch(n):
    encoded, rng = random_texts(n), np.random.default_rng(0)
    first, second = (
        {frozenset(rows) for rows in rows_of(bucketed(encoded, batch_size=16, rng=rng))}
        for _ in range(2)
    )
    assert not first & second


def test_training_does_not_see_short_texts_first():
    rng = np.random.default_rng(0)
    means = [b.lengths.mean() for b in bucketed(random_texts(4_000), batch_size=16, rng=rng)]
    assert abs(np.corrcoef(means, np.arange(len(means)))[0, 1]) < 0.2


def test_little_of_a_training_batch_is_padding():
    encoded, rng = random_texts(10_000), np.random.default_rng(0)
    area = sum(batch.ids.size for batch in bucketed(encoded, batch_size=32, rng=rng))
    assert encoded.lengths.sum() / area > 0.9  # a random batch of these would be half padding


def test_no_texts_make_no_batches():
    assert list(bucketed(texts_of([]), batch_size=4, rng=np.random.default_rng(0))) == []


@pytest.mark.parametrize(
    ("rows", "ids", "lengths", "message"),
    [
        (
            [0],
            [1, 2],
            [2],
            "rows, ids and lengths must be [batch], [batch, time] and [batch], but "
            "are [1], [2] and [1]",
        ),
        (
            [0, 1],
            [[1, 2]],
            [2],
            "rows, ids and lengths must be [batch], [batch, time] and [batch], "
            "but are [2], [1, 2] and [1]",
        ),
        ([0], [[1, 2]], [3], "lengths must be between 0 and time, 2"),
        ([0], [[1, -1]], [2], "ids must not be negative"),
        ([0], [[1, 2]], [1], "ids must be 0 beyond a text's length and nowhere before it"),
        ([0], [[0, 2]], [2], "ids must be 0 beyond a text's length and nowhere before it"),
    ],
)
def test_batches_that_can_not_be(rows, ids, lengths, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011
        PaddedBatch(rows=np.array(rows), ids=np.array(ids), lengths=np.array(lengths))
    assert str(caught.value) == message
