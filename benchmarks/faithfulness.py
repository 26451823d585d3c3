"""Faithfulness of explanations: `make bench-faithfulness`.

The recipe is trained on the tweets' grouped split, seed 0, and 1,000 test tweets are drawn. The
words of each are ranked once, highest first, and deleted in that order, up to a fifth of them (at
least one); the predicted label's probability should fall. Reported are its drop at a fifth, which
is comprehensiveness at 20% (DeYoung et al. 2020, "ERASER"), and the area over the perturbation
curve up to there: the mean drop over 0, 1, 2 ... deleted words (AOPC; Samek et al. 2017,
"Evaluating the visualization of what a deep neural network has learned").

The ranking of `wordgate explain` is each word's effect, by leaving it out. Its peers: the gradient
of the label's log-probability times the word's vector (Denil, Demiraj & de Freitas 2014;
Shrikumar et al. 2017), by torch; and the mean of ten random orders.

By definition, the first word that occlusion ranks is the one whose deletion lowers the probability
most. So texts of which three words or more are deleted are shown separately. And since a test by
deletion favors rankings by deletion, a second table replaces words by the unknown word instead.

    python benchmarks/faithfulness.py                     recipe default
    python benchmarks/faithfulness.py notebook-fast       another recipe; its vocabulary has no
                                                          unknown word, so there is one table
"""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from printing import print_header, print_row
from real_data import read_tweets
from wordgate.evaluation.calibration import apply_temperature
from wordgate.evaluation.intervals import GroupCounts, bootstrap_interval, ratio
from wordgate.experiments.fitting import fit_calibrated
from wordgate.experiments.splits import split_table
from wordgate.models.lstm import LSTMModel, Network
from wordgate.runtime.progress import Silent
from wordgate.settings import load_settings
from wordgate.text.batches import bucketed
from wordgate.text.encoder import EncodedTexts
from wordgate.training import recurrent
from wordgate.training.fitting import RunContext

N_TWEETS, SHARE, N_RANDOM, MANY = 1000, 0.2, 10, 3
OURS, GRADIENT, CHANCE = "occlusion", "gradient times input", "random order"
Ids = np.ndarray  # int32 [words], a text
Order = np.ndarray  # int64 [words], its words, the highest ranked first
Ruin = Callable[[Ids, np.ndarray], Ids]


@dataclass(frozen=True)
class Scorer:
    """A trained network and its temperature."""

    network: Network
    temperature: float

    def proba(self, texts: Sequence[Ids]) -> np.ndarray:
        """Predict texts that are ids: float64 [n, classes]."""
        return np.exp(apply_temperature(self.network.log_proba(encoded(texts)), self.temperature))


@dataclass(frozen=True)
class Falls:
    """What deleting came to, a number a text.

    Attributes:
        area: The mean fall of the predicted label's probability, from none to a fifth deleted.
        end: Its fall where a fifth is deleted.
    """

    area: np.ndarray
    end: np.ndarray


def main(recipe: str = "default") -> None:
    """Print a table for each way to take a word away."""
    settings, seed = load_settings(recipe), 0
    splits = split_table(read_tweets(), settings, seed)
    context = RunContext(seed, Silent(), "cpu")
    fitted = fit_calibrated("lstm", splits.fit_data(None), settings, context)
    model = fitted.fitted.model
    scorer = Scorer(model.network, fitted.temperature)
    texts, groups = drawn_tweets(model, splits.test, seed)
    rankings = ranked(scorer, texts, seed)
    n_words = np.array(list(map(len, texts)))
    many = n_deleted(n_words) >= MANY
    print(
        f"Recipe {recipe}, grouped split, seed {seed}: {len(texts):,} test tweets of"
        f" {len(set(groups)):,} groups, {np.median(n_words):.0f} words in the median; of"
        f" {many.sum():,} at least {MANY} words are deleted"
    )
    print_table("Words deleted", scorer, texts, rankings, groups, many, np.delete)
    unknown = model.encoder.vocabulary.unknown
    if unknown is not None:
        ruin = replacing_by(unknown)
        print_table(
            "Words replaced by the unknown word", scorer, texts, rankings, groups, many, ruin
        )


def drawn_tweets(model: LSTMModel, test, seed: int) -> tuple[list[Ids], list[str]]:
    """Draw test tweets that have words, and their groups."""
    ids = model.encoder.encode(test.texts)
    with_words = np.flatnonzero(ids.lengths)
    rows = np.random.default_rng(seed).choice(with_words, N_TWEETS, replace=False)
    texts = [ids.ids[ids.offsets[row] : ids.offsets[row + 1]] for row in rows]
    return texts, [test.groups[row] for row in rows]


def ranked(scorer: Scorer, texts: list[Ids], seed: int) -> dict[str, list[list[Order]]]:
    """Rank the words of each text in every way; a way may have several rankings."""
    rng = np.random.default_rng(seed)
    chance = [[rng.permutation(len(text)) for text in texts] for _ in range(N_RANDOM)]
    return {
        OURS: [[falling(scores) for scores in occluded_log_proba(scorer, texts)]],
        GRADIENT: [[falling(scores) for scores in gradient_times_input(scorer, texts)]],
        CHANCE: chance,
    }


def falling(scores: np.ndarray) -> Order:
    """Order words by their scores, the highest first."""
    return np.argsort(-scores, kind="stable")


def occluded_log_proba(scorer: Scorer, texts: list[Ids]) -> list[np.ndarray]:
    """Score words as `wordgate explain` does: float64 [words] for each text."""
    whole = scorer.proba(texts)
    labels = whole.argmax(axis=1)
    rest = scorer.proba([np.delete(text, i) for text in texts for i in range(len(text))])
    ends = np.cumsum([len(text) for text in texts])[:-1]
    return [
        whole[row, label] - part[:, label]
        for row, (label, part) in enumerate(zip(labels, np.split(rest, ends), strict=True))
    ]


def gradient_times_input(scorer: Scorer, texts: list[Ids]) -> list[np.ndarray]:
    """Score words by the label's gradient times their vectors: float32 [words] for each text."""
    network = scorer.network
    directions = tuple(
        recurrent.DirectionWeights(*map(torch.tensor, (d.input_weights, d.hidden_weights, d.bias)))
        for d in network.directions
    )
    weights = recurrent.Weights(
        directions, torch.tensor(network.output_weights), torch.tensor(network.output_bias)
    )
    nothing = [None] * len(directions)
    scores: list[np.ndarray] = [np.zeros(0)] * len(texts)
    for batch in bucketed(encoded(texts), batch_size=64, rng=None):
        vectors = torch.tensor(network.embedding[batch.ids.ravel()], requires_grad=True)
        found = recurrent.logits(
            vectors,
            torch.arange(batch.ids.size).reshape(batch.ids.shape),
            torch.tensor(batch.lengths),
            weights,
            network.pooling,
            recurrent.Masks(nothing, nothing, None),
        )
        torch.log_softmax(found, dim=1).amax(dim=1).sum().backward()
        products = (vectors.grad * vectors.detach()).sum(dim=1).reshape(batch.ids.shape).numpy()
        for row, length, product in zip(batch.rows, batch.lengths, products, strict=True):
            scores[row] = product[:length]
    return scores


def print_table(
    way: str,
    scorer: Scorer,
    texts: list[Ids],
    rankings: dict[str, list[list[Order]]],
    groups: list[str],
    many: np.ndarray,
    ruin: Ruin,
) -> None:
    """Print what each ranking comes to, and by how much ours is ahead."""
    print(f"\n{way}, up to 20% of them:\n")
    print_header(
        "ranked by", "area", "drop at 20%", "area, 3 or more words", "drop at 20%, 3 or more words"
    )
    falls = {name: mean_falls(scorer, texts, orders, ruin) for name, orders in rankings.items()}
    for name, fall in falls.items():
        print_row(name, *means(fall.area, fall.end, groups, many))
    for name in (GRADIENT, CHANCE):
        area, end = falls[OURS].area - falls[name].area, falls[OURS].end - falls[name].end
        print_row(f"{OURS}, less {name}", *means(area, end, groups, many, sign="+"))


def mean_falls(scorer: Scorer, texts: list[Ids], rankings: list[list[Order]], ruin: Ruin) -> Falls:
    """Delete by each of some rankings, and average what comes of it."""
    each = [falls_of(scorer, texts, orders, ruin) for orders in rankings]
    return Falls(*(np.mean([getattr(one, name) for one in each], axis=0)
                   for name in ("area", "end")))  # fmt: skip


def falls_of(scorer: Scorer, texts: list[Ids], orders: list[Order], ruin: Ruin) -> Falls:
    """Delete words in order, and see the predicted label's probability fall."""
    whole = scorer.proba(texts)
    deleted = n_deleted(np.array(list(map(len, texts))))
    ruined = [
        ruin(text, order[:k])
        for text, order, most in zip(texts, orders, deleted, strict=True)
        for k in range(1, most + 1)
    ]
    rows = np.repeat(np.arange(len(texts)), deleted)
    labels = whole.argmax(axis=1)[rows]
    left = scorer.proba(ruined)[np.arange(len(rows)), labels]
    fall = whole.max(axis=1)[rows] - left
    area = np.bincount(rows, fall) / (deleted + 1)  # where none is deleted nothing falls
    return Falls(area, fall[np.cumsum(deleted) - 1])


def n_deleted(n_words: np.ndarray) -> np.ndarray:
    """Count a fifth of the words, at least one."""
    return np.maximum(1, np.round(SHARE * n_words).astype(np.int64))


def replacing_by(unknown: int) -> Ruin:
    """Give a way to put the unknown word in the place of words."""

    def replaced(text: Ids, positions: np.ndarray) -> Ids:
        text = text.copy()
        text[positions] = unknown
        return text

    return replaced


def means(
    area: np.ndarray, end: np.ndarray, groups: list[str], many: np.ndarray, sign: str = ""
) -> list[str]:
    """Write means with their intervals: of all texts, then of those that lose many words."""
    names = np.array(groups)
    parts = [(area, names), (end, names), (area[many], names[many]), (end[many], names[many])]
    return [mean_told(values, of, sign) for values, of in parts]


def mean_told(values: np.ndarray, groups: np.ndarray, sign: str) -> str:
    """Write a mean with the 95% interval that resamples groups."""
    _, number = np.unique(groups, return_inverse=True)
    sums = np.stack([np.bincount(number, values), np.bincount(number)], axis=1)
    counts = GroupCounts(sums, np.ones(len(sums), np.int64), "groups")
    interval = bootstrap_interval(counts, ratio)
    parts = (f"{number:{sign}.3f}" for number in (values.mean(), interval.low, interval.high))
    return "{} ({} to {})".format(*parts)


def encoded(texts: Sequence[Ids]) -> EncodedTexts:
    """Lay texts end to end."""
    offsets = np.cumsum([0, *map(len, texts)], dtype=np.int64)
    return EncodedTexts(np.concatenate(texts).astype(np.int32), offsets)


if __name__ == "__main__":
    main(*sys.argv[1:])
