"""Fingerprints of training texts, which identify them without containing them."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from wordgate.dedup.keys import distinct, hash_strings, normalized, remix
from wordgate.dedup.shingles import (
    BITS,
    MIN_WORDS,
    NEAR,
    UNSHARED,
    Shingles,
    shingle,
    waiting_times,
)
from wordgate.errors import BundleError
from wordgate.storage.strings import StringArray, select

_MINIMA = 64  # of words, and as many of character shingles
_WIDTH = _MINIMA + 4  # bytes of a sketch: one minimum of each kind per byte, and the two masses
_ERROR = 0.05  # standard error of an estimated similarity
_THRESHOLD = NEAR + _ERROR  # minimum estimated similarity of near duplicates
_RARE = 1000  # features in fewer than n_texts / 1000 texts share one weight
_STEP = 64.0  # weights are multiples of 1 / 64
_WEIGHT_BITS = 10
_FIRST = 12  # bytes of a sketch that are compared with those of all training texts
_MIN_AGREEING = 6  # of their 24 minima, to compare the whole sketches
_TRAINING_AT_ONCE, _TEXTS_AT_ONCE = 4096, 256  # sketches compared at once: bounds the memory
_NIBBLES = 16  # values of a minimum, of which four bits are stored


@dataclass(frozen=True)
class NearCopies:
    """The texts that are exact or near duplicates of training texts."""

    found: NDArray[np.bool_]  # bool [texts]: verified or estimated duplicates
    estimated: NDArray[np.bool_]  # bool [texts]: those that are only estimated
    false_alarms: float  # expected number of false positives among the estimated ones


@dataclass(frozen=True)
class FeatureWeights:
    """Inverse document frequencies of features in training texts, as in `ShingledTexts`.

    Attributes:
        common: uint32 [features], the sorted features of at least two texts and a thousandth of
            all texts, with the weight in the last ten bits.
        rare: The mean weight of all other features, also of unseen ones.
    """

    common: NDArray[np.uint32]
    rare: float

    @classmethod
    def of(cls, shingles: Shingles) -> "FeatureWeights":
        """Compute the weights of the features of training texts."""
        n_texts = max(1, len(shingles.starts) - 1)
        used, counts = shingles.numbered[0], shingles.frequencies
        common = counts >= max(2, n_texts // _RARE)
        steps = np.round((np.log(n_texts / counts[common]) + 0.1) * _STEP)
        weights = np.clip(steps, 1, (1 << _WEIGHT_BITS) - 1).astype(np.uint32)
        rare = counts[~common]
        of_rare = np.average(np.log(n_texts / rare), weights=rare) if len(rare) else 0
        packed = (used[common].astype(np.uint32) << np.uint32(_WEIGHT_BITS)) | weights
        return cls(packed, float(np.float32(max(float(of_rare), math.log(2)) + 0.1)))

    def __call__(self, features: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the weights of features, float32 [features]."""
        weights = np.full(len(features), self.rare, np.float32)
        if len(self.common):
            known = self.common >> np.uint32(_WEIGHT_BITS)
            place = np.minimum(np.searchsorted(known, features), len(known) - 1)
            is_known = known[place] == features
            steps = self.common[place[is_known]] & np.uint32((1 << _WEIGHT_BITS) - 1)
            weights[is_known] = steps.astype(np.float32) / np.float32(_STEP)
        return weights


@dataclass(frozen=True)
class Fingerprints:
    """Hashes of training texts and groups, and sketches to detect near duplicates.

    A sketch has 64 minima of a text's words and 64 of its character shingles, four bits each
    (b-bit minwise hashing; Li and König, WWW 2010). They are sampled by the weights of the features
    (consistent weighted sampling), so that words of all texts hardly count. With the total weights
    it estimates the `similarity` by which near duplicates are defined, with a standard error of
    about 0.05. A text is reported as a near duplicate if the estimate is at least 0.55; the
    definition is a similarity of 0.5. For the test rows of the training, the verified result is
    stored.

    Size: 76 bytes per training text of five words or more; 8 bytes per shorter text, validation or
    test text, or group; 4 bytes per common word or shingle.

    Attributes:
        texts: uint64 [texts], sorted: BLAKE2b of each distinct normalized training text.
        valid_texts: uint64 [texts], sorted: the same of the validation texts.
        groups: uint64 [groups], sorted: BLAKE2b of the names of the groups of both.
        tested: uint64 [texts], sorted: the same of the test texts.
        tested_copies: uint64 [texts], sorted: those of them with an exact or near duplicate in
            training.
        sketches: uint8 [long texts, 68]: two minima per byte, and the square roots of the total
            weights of words and shingles, float16 each, of training texts of five words or more.
        common_words: uint32 [features]: `FeatureWeights.common` of words.
        common_grams: uint32 [features]: the same of character shingles.
        scale: float32 [3]: `FeatureWeights.rare` of both, and the logarithm of the number of texts.
    """

    texts: NDArray[np.uint64]
    valid_texts: NDArray[np.uint64]
    groups: NDArray[np.uint64]
    tested: NDArray[np.uint64]
    tested_copies: NDArray[np.uint64]
    sketches: NDArray[np.uint8]
    common_words: NDArray[np.uint32]
    common_grams: NDArray[np.uint32]
    scale: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        texts: Sequence[str],
        groups: Sequence[str] | None,
        *,
        valid: Sequence[str] = (),
        test: Sequence[str] = (),
        copies: NDArray[np.bool_] | None = None,
    ) -> "Fingerprints":
        """Compute the fingerprints of the texts that a model was trained, validated and tested on.

        `groups` are those of training and validation texts; `copies`, bool [test], the test texts
        with an exact or near duplicate among the training texts.
        """
        names = StringArray.of(sorted({normalized(text) for text in texts}))
        words, grams, n_words = shingle(names)
        weigh = FeatureWeights.of(words), FeatureWeights.of(grams)
        log_n = math.log(max(2, len(names)))
        sketches = _sketches((words, grams), weigh)[n_words >= MIN_WORDS]
        hashed = _hashed(test)
        return cls(
            texts=distinct(_hashed(names)),
            valid_texts=distinct(_hashed(valid)),
            groups=distinct(hash_strings(sorted({g for g in groups or () if g}), key="group")),
            tested=distinct(hashed),
            tested_copies=distinct(hashed[[] if copies is None else copies]),
            # Sorted, so that the order of the texts cannot be inferred.
            sketches=np.unique(sketches, axis=0),
            common_words=weigh[0].common,
            common_grams=weigh[1].common,
            scale=np.array([weigh[0].rare, weigh[1].rare, log_n], np.float32),
        )

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> "Fingerprints":
        """Restore fingerprints from what `arrays` returned.

        Raises:
            BundleError: An array is missing or of another type or shape.
        """
        for name, (dtype, shape) in _SCHEMA.items():
            array = arrays.get(name)
            if array is None:
                raise BundleError(f"the fingerprints have no array '{name}'")
            if array.dtype != dtype or array.shape[1:] != shape or array.ndim != 1 + len(shape):
                raise BundleError(
                    f"the fingerprints' array '{name}' is {array.dtype} {list(array.shape)}; "
                    f"it must be {np.dtype(dtype)} [n{''.join(f', {size}' for size in shape)}]"
                )
        prints = cls(**{name: np.asarray(arrays[name]) for name in _SCHEMA})
        if len(prints.scale) != 3 or not np.all(prints.scale > 0):
            raise BundleError(
                f"the fingerprints' array 'scale' is {prints.scale.tolist()}; it must contain three"
                " numbers above 0"
            )
        return prints

    def arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the arrays to save, by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def seen_texts(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Return which texts are exact duplicates of training or validation texts.

        Texts that differ in case, whitespace or Unicode form (NFC and NFD) are exact duplicates.
        """
        hashed = _hashed(texts)
        return np.isin(hashed, self.texts) | np.isin(hashed, self.valid_texts)

    def seen_groups(self, groups: Sequence[str]) -> NDArray[np.bool_]:
        """Return which groups were in training or validation; False for an empty name."""
        return np.isin(hash_strings(groups, key="group"), self.groups)

    def near_copies(self, texts: Sequence[str], *, verified: bool = True) -> NearCopies:
        """Return which texts are exact or near duplicates of training texts.

        Texts of fewer than five words have exact duplicates only. Validation texts are left out:
        `seen_texts` finds them. If `verified`, the test texts of the training have the verified
        result of the training. The time is proportional to the number of texts times the number of
        training texts: 1,000 times 50,000 take about two seconds.
        """
        hashed = _hashed(texts)
        found = np.isin(hashed, self.texts)
        is_decided = found | np.isin(hashed, self.valid_texts)
        if verified:
            found = found | np.isin(hashed, self.tested_copies)
            is_decided |= found | np.isin(hashed, self.tested)
        rows = np.flatnonzero(~is_decided)
        similarity = self._highest_similarity(select(texts, rows))
        is_near = similarity >= _THRESHOLD
        estimated = np.zeros(len(texts), dtype=np.bool_)
        estimated[rows[is_near]] = True
        z_scores = (NEAR - similarity[is_near]) / (_ERROR * math.sqrt(2))
        false_alarms = sum(0.5 * (1 + math.erf(z)) for z in z_scores.tolist())
        return NearCopies(found | estimated, estimated, false_alarms)

    def _highest_similarity(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Estimate the similarity to the most similar training text, float32 [texts]."""
        words, grams, n_words = shingle(list(map(normalized, texts)))
        highest = np.zeros(len(texts), dtype=np.float32)
        if not len(self.sketches) or not len(texts):
            return highest
        weigh = (
            FeatureWeights(self.common_words, float(self.scale[0])),
            FeatureWeights(self.common_grams, float(self.scale[1])),
        )
        sketches = _sketches((words, grams), weigh)
        long_enough = np.flatnonzero(n_words >= MIN_WORDS)
        for block in _blocks(len(self.sketches), _TRAINING_AT_ONCE):
            training = self.sketches[block]
            one_hot = _one_hot(training[:, :_FIRST])
            for part in _blocks(len(long_enough), _TEXTS_AT_ONCE):
                rows = long_enough[part]
                # Agreements are counted by a matrix product of 0s and 1s, the fastest on a CPU.
                agreeing = one_hot @ _one_hot(sketches[rows, :_FIRST]).T
                first, second = np.nonzero(agreeing >= _MIN_AGREEING)
                pairs = training[first], sketches[rows[second]]
                np.maximum.at(highest, rows[second], _estimate(*pairs, float(self.scale[2])))
        return highest


_SCHEMA: dict[str, tuple[type[np.generic], tuple[int, ...]]] = {
    "texts": (np.uint64, ()),
    "valid_texts": (np.uint64, ()),
    "groups": (np.uint64, ()),
    "tested": (np.uint64, ()),
    "tested_copies": (np.uint64, ()),
    "sketches": (np.uint8, (_WIDTH,)),
    "common_words": (np.uint32, ()),
    "common_grams": (np.uint32, ()),
    "scale": (np.float32, ()),
}


def _hashed(texts: Sequence[str]) -> NDArray[np.uint64]:
    return hash_strings(map(normalized, texts), key="text")


def _sketches(
    kinds: tuple[Shingles, Shingles], weigh: tuple[FeatureWeights, FeatureWeights]
) -> NDArray[np.uint8]:
    """Compute the sketches of N texts from their words and character shingles, uint8 [N, 68]."""
    words, word_mass = _minima(kinds[0], weigh[0])
    grams, gram_mass = _minima(kinds[1], weigh[1])
    roots = np.sqrt(np.stack([word_mass, gram_mass], axis=1))  # float16 ends at 65,504
    masses = roots.astype("<f2").view(np.uint8)
    return np.concatenate([(words << np.uint8(4)) | grams, masses], axis=1)


def _minima(
    shingles: Shingles, weigh: FeatureWeights
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Compute four bits of each minimum of N texts, and the total weights of their features.

    A minimum of two texts agrees with a probability equal to the weighted Jaccard similarity of
    their features. The minima are those of features, not of waiting times, whose last bits may
    differ between processors.

    Returns:
        uint8 [N, 64], 0 for a text without features; float64 [N].
    """
    n_texts = len(shingles.starts) - 1
    minima = np.zeros((n_texts, _MINIMA), dtype=np.uint8)
    mass = np.zeros(n_texts)
    used, blocks = shingles.numbered[0], [one for one in shingles.blocks() if len(one.filled)]
    weights = weigh(used)
    for block in blocks:
        block_weights = weights[block.numbers].astype(np.float64)
        sums = np.add.reduceat(block_weights, block.starts[block.filled])
        mass[block.texts][block.filled] = sums
    features = used.astype(np.uint64)
    for draw in range(_MINIMA):
        waiting = waiting_times(used, weights, draw).view(np.uint32)
        ranked = (waiting.astype(np.uint64) << np.uint64(BITS)) | features
        for block in blocks:
            first = block.minima(ranked) & np.uint64((1 << BITS) - 1)
            # Hashed twice: the first bits of the hash that made the waiting time the shortest are
            # not random.
            mixed = remix(remix(first ^ (np.uint64(draw + 1) << np.uint64(40))))
            minima[block.texts, draw][block.filled] = (mixed >> np.uint64(60)).astype(np.uint8)
    return minima, mass


def _estimate(
    first: NDArray[np.uint8], second: NDArray[np.uint8], log_n: float
) -> NDArray[np.float32]:
    """Estimate the similarity of the texts of pairs of sketches, float32 [pairs]."""
    differing = first[:, :_MINIMA] ^ second[:, :_MINIMA]
    masses = [
        np.ascontiguousarray(sketches[:, _MINIMA:]).view("<f2").astype(np.float32) ** 2
        for sketches in (first, second)
    ]
    cosines = np.zeros(len(first), dtype=np.float32)
    for kind, bits in enumerate((0xF0, 0x0F)):
        agreeing = (differing & np.uint8(bits) == 0).mean(axis=1, dtype=np.float32)
        jaccard = np.clip((agreeing - 1 / _NIBBLES) / (1 - 1 / _NIBBLES), 0, 1)
        a, b = masses[0][:, kind], masses[1][:, kind]
        shared = jaccard / (1 + jaccard) * (a + b)
        cosines += np.minimum(shared / np.sqrt(np.maximum(a * b, 1e-6)), 1)
    scales = [mass[:, 0] / (mass[:, 0] + UNSHARED * log_n) for mass in masses]
    return np.asarray(np.sqrt(scales[0] * scales[1]) * cosines / 2, np.float32)


def _one_hot(sketches: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Encode the minima of sketches, uint8 [n, bytes], one-hot: float32 [n, bytes * 32]."""
    nibbles = np.concatenate([sketches >> 4, sketches & 15], axis=1)
    one_hot: NDArray[np.float32] = np.eye(_NIBBLES, dtype=np.float32)[nibbles]
    return one_hot.reshape(len(sketches), -1)


def _blocks(length: int, size: int) -> Iterator[slice]:
    return (slice(start, start + size) for start in range(0, length, size))
