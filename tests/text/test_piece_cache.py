import pickle

from wordgate.text import piece_cache
from wordgate.text.encoder import TextEncoder
from wordgate.text.piece_cache import PieceCache


def test_a_value_is_computed_once():
    asked = []
    cache = PieceCache(lambda piece: asked.append(piece) or piece.upper())
    assert [cache[piece] for piece in "abaab"] == list("ABAAB")
    assert asked == ["a", "b"]


def test_a_full_cache_keeps_what_was_used_lately(monkeypatch):
    monkeypatch.setattr(piece_cache, "_MOST_PIECES", 3)
    asked = []
    cache = PieceCache(lambda piece: asked.append(piece) or piece.upper())
    assert [cache[piece] for piece in "abcdacefga"] == list("ABCDACEFGA")
    assert asked == list("abcdefg")
    assert len(cache) <= 3


def test_values_of_long_pieces_are_not_kept():
    cache = PieceCache(len)
    assert (cache["x" * 100], cache["x" * 101]) == (100, 101)
    assert list(cache) == ["x" * 100]


def test_values_are_not_pickled():
    cache = PieceCache(len)
    assert cache["abc"] == 3
    copy = pickle.loads(pickle.dumps(cache))
    assert (dict(copy), copy["abcd"]) == ({}, 4)


def test_an_encoder_is_pickled_without_its_cache():
    encoder, encoded = TextEncoder.fit(["b c a b", "c a"], max_tokens=5)
    small = len(pickle.dumps(encoder))
    encoder.encode([f"word{number}" for number in range(1000)])
    assert len(pickle.dumps(encoder)) == small
    assert pickle.loads(pickle.dumps(encoder)).encode(["b c a b", "c a"]).ids.tolist() == (
        encoded.ids.tolist()
    )
