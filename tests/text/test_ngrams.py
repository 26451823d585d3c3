"""N-grams of words and characters, against scikit-learn's analyzers, on any text."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer

from wordgate.text.ngrams import character_ngrams, spaced_words, word_ngrams

# All that is text, and much that is short, repeated, spaced oddly or changes its length in case.
TEXTS = st.one_of(
    st.text(max_size=40), st.text(alphabet="aAbB _-1İßǅ'\t\n\u00a0\u3000\x1c😀", max_size=40)
)
NGRAMS = st.tuples(st.integers(1, 5), st.integers(0, 4)).map(lambda pair: (pair[0], sum(pair)))


def test_ngrams_of_words():
    assert list(word_ngrams("Not bad, I'd say!", (1, 2))) == [
        "not",
        "bad",
        "i",
        "d",
        "say",
        "not bad",
        "bad i",
        "i d",
        "d say",
    ]
    assert list(word_ngrams("one two", (2, 3))) == ["one two"]
    assert list(word_ngrams("...", (1, 3))) == []


def test_ngrams_of_characters():
    assert list(character_ngrams("so", (2, 4))) == [" s", "so", "o ", " so", "so ", " so "]
    assert list(character_ngrams("so", (5, 8))) == [" so "]
    assert spaced_words(" So,  good!\n") == ["so,", "good!"]


@given(TEXTS, NGRAMS)
def test_words_are_those_of_scikit_learn(text, ngrams):
    analyze = CountVectorizer(token_pattern=r"\w+", ngram_range=ngrams).build_analyzer()
    assert Counter(word_ngrams(text, ngrams)) == Counter(analyze(text))


@given(TEXTS, NGRAMS)
def test_characters_are_those_of_scikit_learn(text, ngrams):
    analyze = CountVectorizer(analyzer="char_wb", ngram_range=ngrams).build_analyzer()
    runs = [run for word in spaced_words(text) for run in character_ngrams(word, ngrams)]
    assert Counter(runs) == Counter(analyze(text))
