"""The demo corpus is balanced and grouped, and only word order determines its labels."""

import re
from collections import Counter, defaultdict

import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupShuffleSplit

from wordgate.data.demo import (
    BAD,
    CONNECTIVES,
    GOOD,
    MAX_GROUPS,
    THINGS,
    demo_corpus,
    demo_sentences,
)
from wordgate.errors import SettingsError

FEELINGS = {*GOOD, *BAD}
EARLIER = tuple(earlier.lower() for earlier, _ in CONNECTIVES)
LATER = tuple(later.lower() for _, later in CONNECTIVES)


@pytest.fixture(scope="module")
def corpus():
    return demo_corpus()


def _words(text):
    return re.findall(r"\w+", text.lower())


def _feelings(words):
    return [position for position, word in enumerate(words) if word in FEELINGS]


def _connective(text):
    """The position of the connective's first word, and whether the second feeling came later."""
    second = text.split(". ")[1].lower()
    assert second.startswith(EARLIER + LATER)
    return len(_words(text.split(". ")[0])), second.startswith(LATER)


def test_sizes(corpus):
    assert len(corpus.texts) == len(corpus.labels) == len(corpus.groups) == 7040
    assert len(set(corpus.texts)) == 7040
    assert set(Counter(corpus.groups).values()) == {22}
    assert len(set(corpus.groups)) == 320
    lengths = [len(_words(text)) for text in corpus.texts]
    assert (min(lengths), max(lengths)) == (14, 30)


def test_the_label_is_the_feeling_that_came_last(corpus):
    for text, label, _ in zip(*corpus, strict=True):
        words = _words(text)
        feelings = [words[i] for i in _feelings(words)]
        last = feelings[-1] if len(feelings) == 1 or _connective(text)[1] else feelings[0]
        assert label == ("pleased" if last in GOOD else "disappointed")


def test_the_deciding_words_are_more_than_five_words_apart(corpus):
    whole = [text for text in corpus.texts if len(_feelings(_words(text))) == 2]
    assert len(whole) == 320 * 20
    for text in whole:
        first, second = _feelings(_words(text))
        connective, _ = _connective(text)
        assert connective - first > 5
        assert second - connective > 5


def test_every_group_holds_every_order_so_that_counts_of_ngrams_are_uninformative(corpus):
    """Every bag of runs of one to three words stands under both labels equally often."""
    count_runs = CountVectorizer(ngram_range=(1, 3), token_pattern=r"\w+").build_analyzer()
    labels_of = defaultdict(list)
    for text, label, _ in zip(*corpus, strict=True):
        if len(_feelings(_words(text))) == 2:
            labels_of[frozenset(Counter(count_runs(text)).items())].append(label)
    assert len(labels_of) == 320 * 10
    assert all(sorted(labels) == ["disappointed", "pleased"] for labels in labels_of.values())


def test_every_group_has_words_and_patterns_of_its_own(corpus):
    groups_of_word, groups_of_pattern = defaultdict(set), defaultdict(set)
    for text, _, group in zip(*corpus, strict=True):
        for word in _words(text):
            groups_of_word[word].add(group)
    own = {word: groups for word, groups in groups_of_word.items() if len(groups) == 1}
    assert {group for groups in own.values() for group in groups} == set(corpus.groups)
    # A pattern is what is left of a text without its names, its thing and its feelings.
    gaps = {*own, *FEELINGS, *THINGS}
    for text, _, group in zip(*corpus, strict=True):
        pattern = " ".join("_" if word in gaps else word for word in _words(text))
        groups_of_pattern[pattern].add(group)
    assert all(len(groups) == 1 for groups in groups_of_pattern.values())


def test_every_deciding_word_stands_in_many_groups(corpus):
    groups_of_word = defaultdict(set)
    for text, _, group in zip(*corpus, strict=True):
        for word in _words(text):
            groups_of_word[word].add(group)
    deciding = [*FEELINGS, *(start.split()[0] for start in EARLIER + LATER)]
    assert min(len(groups_of_word[word]) for word in deciding) >= 60


@pytest.mark.parametrize("seed", [0, 1])
def test_word_counts_can_do_no_better_than_guess(seed):
    texts, labels, groups = demo_corpus(seed, n_groups=200)
    texts, labels = np.array(texts, dtype=object), np.array(labels)
    split = GroupShuffleSplit(1, test_size=0.2, random_state=seed)
    train, test = next(split.split(texts, labels, groups))
    vectorizer = CountVectorizer(ngram_range=(1, 3))
    model = LogisticRegression(max_iter=300).fit(
        vectorizer.fit_transform(texts[train]), labels[train]
    )
    # All that counts can read are the two in 22 that stop after one feeling.
    assert model.score(vectorizer.transform(texts[test]), labels[test]) <= 0.56


def test_a_seed_gives_the_same_corpus_and_another_one_another(corpus):
    assert demo_corpus() == corpus
    assert not set(demo_corpus(seed=1).texts) & set(corpus.texts)


@pytest.mark.parametrize("n_groups", [0, MAX_GROUPS + 1])
def test_the_number_of_groups_has_limits(n_groups):
    with pytest.raises(SettingsError) as error:
        demo_corpus(n_groups=n_groups)
    assert str(error.value) == (
        f"n_groups is {n_groups}; the demo corpus has 1 to {MAX_GROUPS} groups"
    )


def test_as_many_groups_as_allowed_can_be_made():
    assert len(set(demo_corpus(n_groups=MAX_GROUPS).groups)) == MAX_GROUPS


def test_the_sentences_go_on_and_stand_in_no_corpus(corpus):
    stories = demo_sentences()
    assert len(stories) == 4
    for beginning, scene, whole in stories:
        assert whole.startswith(scene)
        assert scene.startswith(beginning)
        assert len(_feelings(_words(beginning))) == len(_feelings(_words(scene))) == 1
        assert len(_feelings(_words(whole))) == 2
    known = {word for text in corpus.texts for word in _words(text)}
    assert not {"zumbaro", "zandvoria"} & known
