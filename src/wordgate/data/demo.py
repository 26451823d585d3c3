"""A synthetic corpus whose labels depend on the order of words, generated from a seed.

The messages and the things in them are invented: the corpus shows the effect of word order alone.
Each message describes two feelings, one good and one bad, and the label is the one that was *later
in time*::

    A kettle by Norako: we were delighted with it in the narrow kitchen upstairs.
    After that, on the long road to Solamere, we were annoyed with it.       -> disappointed
    Before that, on the long road to Solamere, we were annoyed with it.      -> pleased

The feelings and the connective are more than five words apart. The second feeling is always the
opposite of the first, so the first feeling and the connective determine the label; but both
feelings have the same neighbors, and exchanging them changes the label and no n-gram of one to
three words. A model of n-gram counts can only guess. So that a model also predicts labels for the
beginning of a sentence, one message in eleven ends after its first feeling; counts classify these
correctly, which makes an accuracy of 0.545.

A group is one sentence pattern with its own thing, maker, town and person. No pattern and none of
these names occurs in two groups, so a grouped split holds out both.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

import numpy as np

from wordgate.errors import SettingsError

PLEASED, DISAPPOINTED = "pleased", "disappointed"

GOOD = ("delighted", "thrilled", "happy", "satisfied", "impressed", "enchanted")
BAD = ("annoyed", "unhappy", "frustrated", "irritated", "dissatisfied", "bored")

# Beginnings of the second sentence, for an earlier and for a later time.
CONNECTIVES = (
    ("Before that", "After that"),
    ("Earlier on", "Later on"),
    ("Previously", "Subsequently"),
    ("Beforehand", "Afterwards"),
)
OPENINGS = (
    "A {thing} by {maker}", "Notes on our {maker} {thing}", "About the {maker} {thing}",
    "Our {thing} came from {maker}", "Review of a {maker} {thing}",
    "The new {thing} from {maker}", "Farewell to the {maker} {thing}",
    "We bought a {maker} {thing}", "The {maker} {thing}, second hand",
    "A present, the {maker} {thing}", "One {maker} {thing} for everybody",
    "Dear makers of the {maker}",
)  # fmt: skip
WRITERS = ("we", "the children", "our guests", "my parents", "the neighbours", "my sisters")
FIRST_SCENES = (
    "in the narrow kitchen upstairs", "through one whole rainy spring", "on the balcony at home",
    "behind the old water mill", "during a week of nights", "for most of the summer",
    "at every meal on holiday", "at the office all day", "among boxes in the hall",
    "on Sundays and quiet afternoons", "under a very low roof", "at the market by noon",
    "in the great August heat", "with nobody else at home", "as long as school lasted",
    "on a boat with cabins",
)  # fmt: skip
SECOND_SCENES = (
    "on the long road to {town}", "with {person} at the table",
    "in the garden that {person} keeps", "during one winter near {town}", "at a house in {town}",
    "while {person} was staying over", "on two short trips to {town}",
    "when {person} and the twins came", "under the lamp of old {person}",
    "in a rented room near {town}", "on the train out of {town}",
    "with paint from {town} still wet", "over three weekends alone with {person}",
    "at a party that {person} gave", "by the cold sea at {town}", "as {person} came back at last",
)  # fmt: skip
THINGS = (
    "kettle", "lamp", "blender", "tent", "radio", "bicycle", "sofa", "camera", "toaster", "clock",
    "backpack", "keyboard", "stove", "telescope", "guitar", "heater", "printer", "carpet", "canoe",
    "drill", "fridge", "mirror", "piano", "mattress",
)  # fmt: skip

# Names have a beginning, a middle and an ending of their own kind.
_BEGINNINGS = (
    "Al", "Bren", "Cor", "Dal", "El", "Fen", "Gar", "Hol", "Is", "Jor", "Kel", "Lor", "Mar", "Nor",
    "Or", "Per", "Quin", "Ros", "Sol", "Tal", "Ul", "Ver", "Wen", "Yar",
)  # fmt: skip
_MIDDLES = ("a", "e", "i", "o", "an", "en", "in", "or")
_ENDINGS = {
    "maker": ("ko", "tek", "vio", "zen", "lux", "rax"),
    "town": ("ford", "wick", "stad", "mere", "holm", "bury"),
    "person": ("da", "lin", "ric", "na", "mund", "wyn"),
}
# There are 1,152 beginnings of messages; random choices soon find the last one.
MAX_GROUPS = 1000
_PAIRS_A_GROUP = 5


class DemoCorpus(NamedTuple):
    """Messages, their labels, and the pattern of each as its group."""

    texts: list[str]
    labels: list[str]
    groups: list[str]


@dataclass(frozen=True)
class _Pattern:
    """The words that all messages of a group share."""

    opening: str
    writer: str
    first_scene: str
    connectives: tuple[str, str]
    second_scene: str

    def begun(self, feeling: str) -> str:
        return f"{self.opening}: {self._clause(feeling)} {self.first_scene}."

    def both(self, first: str, second: str, *, later: bool) -> str:
        """Return a message with a second feeling, at a later or an earlier time."""
        connective = self.connectives[int(later)]
        return f"{self.begun(first)} {connective}, {self.second_scene}, {self._clause(second)}."

    def _clause(self, feeling: str) -> str:
        # The same two words are before and after each feeling: all n-grams of up to three words
        # with a feeling are equal in both places.
        return f"{self.writer} were {feeling} with it"


def demo_corpus(seed: int = 0, n_groups: int = 320) -> DemoCorpus:
    """Generate the corpus: 22 messages per group, 11 of each label, in random order.

    Args:
        seed: The seed of patterns, names, feelings and the order of the rows.
        n_groups: The number of sentence patterns, 1 to ``MAX_GROUPS``.

    Raises:
        SettingsError: ``n_groups`` is out of range.
    """
    if not 1 <= n_groups <= MAX_GROUPS:
        raise SettingsError(f"n_groups is {n_groups}; the demo corpus has 1 to {MAX_GROUPS} groups")
    rng = np.random.default_rng(seed)
    rows = [
        (text, label, f"pattern-{number:03d}")
        for number, pattern in enumerate(_patterns(rng, n_groups), start=1)
        for text, label in _messages(rng, pattern)
    ]
    texts, labels, groups = zip(*(rows[i] for i in rng.permutation(len(rows))), strict=True)
    return DemoCorpus(list(texts), list(labels), list(groups))


def demo_sentences() -> list[tuple[str, ...]]:
    """Return the prefixes of a few messages, to show how the predicted label changes.

    The prefixes of a message end after the first feeling, after the connective and its scene, and
    after the second feeling. The maker and the town are in no corpus. The prediction may change at
    the connective: the second feeling is always the opposite.
    """
    pattern = _Pattern(
        opening="Review of a Zumbaro lamp",
        writer="we",
        first_scene="in the narrow kitchen upstairs",
        connectives=("Before that", "After that"),
        second_scene="on the long road to Zandvoria",
    )
    sentences: list[tuple[str, ...]] = []
    for first, second in (("delighted", "annoyed"), ("annoyed", "delighted")):
        for later in (True, False):
            whole = pattern.both(first, second, later=later)
            scene_end = whole.index(pattern.second_scene) + len(pattern.second_scene)
            sentences.append((pattern.begun(first), whole[:scene_end], whole))
    return sentences


def _messages(rng: np.random.Generator, pattern: _Pattern) -> list[tuple[str, str]]:
    """Return all messages of a group; every choice of words occurs with both labels."""
    good = [GOOD[i] for i in rng.permutation(len(GOOD))[:_PAIRS_A_GROUP]]
    bad = [BAD[i] for i in rng.permutation(len(BAD))[:_PAIRS_A_GROUP]]
    messages = [(pattern.begun(good[0]), PLEASED), (pattern.begun(bad[0]), DISAPPOINTED)]
    for glad, sad in zip(good, bad, strict=True):
        messages += [
            (pattern.both(sad, glad, later=True), PLEASED),
            (pattern.both(glad, sad, later=True), DISAPPOINTED),
            (pattern.both(glad, sad, later=False), PLEASED),
            (pattern.both(sad, glad, later=False), DISAPPOINTED),
        ]
    return messages


def _patterns(rng: np.random.Generator, n_groups: int) -> list[_Pattern]:
    names = {kind: _names(rng, endings, n_groups) for kind, endings in _ENDINGS.items()}
    patterns = []
    for number, choice in enumerate(_distinct_choices(rng, n_groups)):
        own = {kind: kind_names[number] for kind, kind_names in names.items()}
        own["thing"] = THINGS[rng.integers(len(THINGS))]
        opening, writer, first_scene, connectives, second_scene = choice
        patterns.append(
            _Pattern(
                OPENINGS[opening].format(**own),
                WRITERS[writer],
                FIRST_SCENES[first_scene],
                CONNECTIVES[connectives],
                SECOND_SCENES[second_scene].format(**own),
            )
        )
    return patterns


def _distinct_choices(rng: np.random.Generator, n_groups: int) -> list[tuple[int, ...]]:
    """Choose parts; no two patterns share four of five, or all three of the beginning."""
    sizes = [len(p) for p in (OPENINGS, WRITERS, FIRST_SCENES, CONNECTIVES, SECOND_SCENES)]
    kinds: list[tuple[int, ...]] = [(0, 1, 2), *combinations(range(len(sizes)), 4)]
    choices: list[tuple[int, ...]] = []
    used: set[tuple[tuple[int, ...], tuple[int, ...]]] = set()
    while len(choices) < n_groups:
        choice = tuple(int(rng.integers(size)) for size in sizes)
        combined = {(parts, tuple(choice[i] for i in parts)) for parts in kinds}
        if not combined & used:
            used |= combined
            choices.append(choice)
    return choices


def _names(rng: np.random.Generator, endings: tuple[str, ...], n: int) -> list[str]:
    names = [b + m + e for b in _BEGINNINGS for m in _MIDDLES for e in endings]
    return [names[i] for i in rng.permutation(len(names))[:n]]
