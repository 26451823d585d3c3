"""Words of texts that a pretrained tokenizer cuts into subwords."""

import os
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytest.importorskip("tokenizers", reason="needs the extra 'transformer'")

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from wordgate.text.subwords import SubwordEncoder

KNOWN = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "happy", "un", "##happy", "!", "a", "##b", "é"]


def bert(max_tokens=20):
    tokenizer = Tokenizer(models.WordPiece({w: i for i, w in enumerate(KNOWN)}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return SubwordEncoder(tokenizer, max_tokens)


def unigram():
    subwords = [("<unk>", -9.0), ("▁", -3.0), ("▁happy", -1.0), ("s", -2.0), ("un", -2.0)]
    tokenizer = Tokenizer(models.Unigram(subwords, unk_id=0))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    return SubwordEncoder(tokenizer, 20)


def byte_level():
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({one: i for i, one in enumerate(alphabet)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return SubwordEncoder(tokenizer, 100)


def shown(encoder, text):
    return [(text[start:end], known) for start, end, known in encoder.words(text)[0]]


TEXTS = ["a unhappy!", "", "zumbaro " * 30, "é a", "happy"] * 20
COUNTED = """
import os
from tokenizers import Tokenizer, models
from wordgate.text.subwords import SubwordEncoder

encoder = SubwordEncoder(Tokenizer(models.WordPiece({"[UNK]": 0, "a": 1}, unk_token="[UNK]")), 8)
counts = []
for threads in (1, 2):
    before = len(os.listdir("/proc/self/task"))
    encoder.encode(["a", "b"] * 50, threads=threads)
    counts.append(len(os.listdir("/proc/self/task")) - before)
print(*counts)
"""


@pytest.mark.parametrize("made", [bert, unigram, byte_level])
def test_the_number_of_threads_changes_nothing(made):
    one, two = (made().encode(TEXTS, threads=threads) for threads in (1, 2))
    assert one.ids.tolist() == two.ids.tolist()
    assert one.offsets.tolist() == two.offsets.tolist()
    assert one.n_truncated == two.n_truncated


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="threads are listed on Linux")
def test_one_thread_starts_no_other():
    environment = {**os.environ, "RAYON_NUM_THREADS": "2", "TOKENIZERS_PARALLELISM": "true"}
    command = [sys.executable, "-c", COUNTED]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    alone, together = map(int, ended.stdout.split())
    assert alone == 0
    assert together > 0


def test_subwords_of_a_word_are_joined():
    assert shown(bert(), "UNHAPPY  a!") == [("UNHAPPY", True), ("a", True), ("!", True)]


def test_a_word_without_subwords_is_unknown():
    assert shown(bert(), "a zumbaro") == [("a", True), ("zumbaro", False)]
    assert shown(unigram(), "happys zun") == [("happys", True), ("zun", False)]


def test_words_stand_where_they_do_in_the_text_without_its_spaces():
    assert shown(unigram(), "happy happys") == [("happy", True), ("happys", True)]
    assert shown(byte_level(), "a 😂 bc") == [("a", True), ("😂", True), ("bc", True)]


def test_words_beyond_the_limit_are_counted_but_not_given():
    encoder = bert(max_tokens=5)
    words, n_words = encoder.words("a unhappy happy a ! a")
    assert ([(word.start, word.end) for word in words], n_words) == ([(0, 1), (2, 9)], 6)
    assert encoder.words("") == ([], 0)


@pytest.mark.parametrize("made", [bert, unigram, byte_level])
@settings(max_examples=100, deadline=None)
@given(text=st.text(st.characters(exclude_categories=["Cs"])) | st.text("unhapy ab!s 😂\u0301\n"))
def test_words_of_any_text_have_places_of_their_own(made, text):
    before = 0
    for word in made().words(text)[0]:
        assert before <= word.start < word.end <= len(text)
        assert not text[word.start].isspace()
        before = word.end
