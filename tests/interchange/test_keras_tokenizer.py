import json

import pytest

from wordgate.errors import BundleError
from wordgate.interchange.keras_files import read_vocabulary

WRITE = "write it with: open('tokenizer.json', 'w').write(tokenizer.to_json())"
DEFAULT_FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'


def refusal(path):
    with pytest.raises(BundleError) as caught:
        read_vocabulary(path)
    return str(caught.value)


def test_words_stand_in_the_order_of_their_indices(fixtures, retokenized):
    vocabulary = read_vocabulary(fixtures / "tokenizer.json")
    assert vocabulary.unknown is None
    assert vocabulary.words[:4] == ("i", "this", "game", "great")
    assert vocabulary.index["i"] == 1
    shuffled = retokenized(word_index=json.dumps({"b": 2, "c": 3, "a": 1}))
    assert read_vocabulary(shuffled).words == ("a", "b", "c")


def test_num_words_keeps_the_ids_below_it(retokenized):
    index = json.dumps({"a": 1, "b": 2, "c": 3})

    def words(limit):
        return read_vocabulary(retokenized(word_index=index, num_words=limit)).words

    assert words(None) == words(4) == words(100) == ("a", "b", "c")
    assert words(3) == ("a", "b")
    assert words(1) == ()


def test_the_oov_token_is_the_unknown_word(fixtures, retokenized):
    vocabulary = read_vocabulary(fixtures / "oov.json")
    assert vocabulary.unknown == 1
    assert "<oov>" not in vocabulary.words
    assert len(vocabulary) == 12
    assert vocabulary.id("i") == 2
    assert vocabulary.id("never heard") == 1
    assert read_vocabulary(retokenized("oov.json", num_words=1)).words == ()


@pytest.mark.parametrize(
    ("field", "value", "default"),
    [
        ("filters", "!?", DEFAULT_FILTERS),
        ("lower", False, True),
        ("split", "_", " "),
        ("char_level", True, False),
    ],
)
def test_other_ways_to_cut_a_text_are_refused(retokenized, field, value, default):
    assert refusal(retokenized(**{field: value})) == (
        f"the tokenizer has {field}={value!r}; only Keras' default {field}={default!r} can be"
        " imported"
    )


def test_fields_that_make_no_sense(retokenized):
    assert refusal(retokenized(oov_token="game")) == (
        "the tokenizer's oov_token 'game' does not have the index 1"
    )
    assert refusal(retokenized(oov_token=1)) == (
        "the tokenizer's oov_token 1 does not have the index 1"
    )
    for limit in (0, -3, 2.0, True, "9"):
        assert refusal(retokenized(num_words=limit)) == (
            f"the tokenizer has num_words={limit!r}; it must be a whole number from 1, or none"
        )


def test_a_word_index_with_gaps(retokenized):
    def of(index):
        return refusal(retokenized(word_index=index if index is None else json.dumps(index)))

    gap = "the tokenizer's word_index must count 1, 2, 3 and so on, but "
    assert of({"a": 1, "b": 3}) == f"{gap}'b' has 3 where 2 belongs"
    assert of({"a": 0, "b": 1}) == f"{gap}'a' has 0 where 1 belongs"
    assert of({"a": 1, "b": 1}) == f"{gap}'b' has 1 where 2 belongs"
    whole = "the tokenizer's word_index must give each word a whole number"
    assert of({"a": True}) == of({"a": "1"}) == of(["a"]) == of(None) == whole
    assert refusal(retokenized(word_index="{")).startswith(
        "the tokenizer's word_index is not JSON ("
    )
    unkept = "cannot be imported: it cannot be encoded in UTF-8"
    assert of({"": 1}) == f"the tokenizer's word '' {unkept}"
    assert of({"\ud83d": 1}) == rf"the tokenizer's word '\ud83d' {unkept}"


def test_files_of_another_kind(tmp_path, monkeypatch):
    file = tmp_path / "t.json"
    assert refusal(file) == "there is no such file"
    assert refusal(tmp_path) == "there is no such file"
    file.write_bytes(b"\x80\x04\x95pickle")
    assert refusal(file).startswith("the file is not JSON (")
    assert refusal(file).endswith(f"; {WRITE}")
    for content in ("[]", "{}", '{"class_name": "Tokenizer"}', '{"config": {}}'):
        file.write_text(content)
        assert refusal(file) == f"the file does not contain Keras' legacy Tokenizer; {WRITE}"
    monkeypatch.setattr("wordgate.interchange.keras_files.LARGEST_FILE", 10)
    assert refusal(file) == "the file has more than 10 bytes, which is the maximum"
