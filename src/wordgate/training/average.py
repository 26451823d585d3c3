"""Fitting the families `logreg` and `mlp`: what they read of a text is the mean of its words.

Shapes: ``n`` texts, ``vocabulary`` ids, ``size`` numbers a word vector, ``features`` numbers after
the first layer, ``classes`` labels.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import DataError
from wordgate.models.average import AverageModel, Floats, OutputLayer, averages
from wordgate.runtime.cpu import single_thread_environment
from wordgate.runtime.progress import Progress
from wordgate.settings import Settings
from wordgate.text.encoder import EncodedTexts
from wordgate.training.fitting import Epoch, Examples, Fitted, check_not_empty
from wordgate.training.strengths import choose_strength
from wordgate.training.words import KnownWords, look_words_up, word_remarks
from wordgate.vectors.pretrained import PretrainedVectors

SMOOTHING = 1e-3
"""Arora et al.'s a: a word that makes up this share of all tokens weighs half."""
_CONSTANT = 1e-5
"""A component that varies by a smaller part of its mean varies by rounding alone."""
_WEIGHTINGS = ("plain", "inverse-frequency")


@dataclass(frozen=True)
class Averaging:
    """From words to what a classifier reads: numbers of mean 0 and deviation 1 over train.

    Attributes:
        weighting: How words weigh.
        weights: float32 [vocabulary].
        centre: float32 [size], the mean of the training texts' averages.
        spread: float32 [size], their standard deviation.
    """

    weighting: str
    weights: Floats
    centre: Floats
    spread: Floats


@dataclass(frozen=True)
class Candidate:
    """Layers fitted on texts averaged in one way, and what they are worth on validation.

    Attributes:
        averaging: The way.
        accuracy: Share of the validation texts that are labelled right.
        log_loss: Their mean log loss, in nats.
        first: float32 [size, features], the first layer's weights.
        bias: float32 [features].
        output: The second layer, if there is one.
        history: The epochs, if there are any.
        best_epoch: The best of them; 0 without.
        remarks: What a user should know.
    """

    averaging: Averaging
    accuracy: float
    log_loss: float
    first: Floats
    bias: Floats
    output: OutputLayer | None = None
    history: Sequence[Epoch] = ()
    best_epoch: int = 0
    remarks: Sequence[str] = ()


Fit = Callable[[Averaging, Floats, Floats], Candidate]
"""Fits on averaged texts of train and of validation, each float32 [n, size]."""


def fit_average(
    family: str,
    train: Examples,
    valid: Examples,
    n_classes: int,
    settings: Settings,
    *,
    vocabulary_of: Examples | None,
    vectors: PretrainedVectors,
    seed: int,
    progress: Progress,
    deadline: float,
) -> Fitted:
    """Fit a classifier over averaged word vectors; validation chooses among its kinds.

    Args:
        family: ``logreg`` or ``mlp``.
        train: What the layers are fitted on.
        valid: What chooses the weighting, and the strength of regularisation or the best epoch.
        n_classes: How many labels there are.
        settings: The recipe's settings.
        vocabulary_of: What the vocabulary is fitted on; None for `train`.
        vectors: The word vectors.
        seed: Decides what chance decides in `mlp`; in `logreg` there is none.
        progress: Where the way is told.
        deadline: The `time.monotonic()` at which fitting must end; `math.inf` for none.

    Returns:
        The best model on validation.

    Raises:
        DataError: There are no texts to fit on, or none to choose by; or the file of word vectors
            can't be used.
    """
    check_not_empty(train, valid, "a model of averaged word vectors", "a model")
    known = look_words_up(train, vocabulary_of, vectors, settings, progress)
    encoded_valid = known.encoder.encode(valid.texts)

    def fit_logreg(averaging: Averaging, of_train: Floats, of_valid: Floats) -> Candidate:
        choice = choose_strength(
            (of_train, train.targets),
            (of_valid, valid.targets),
            n_classes,
            settings.average_c,
            progress=progress,
            deadline=deadline,
        )
        best, linear = choice.best, choice.best.linear
        bias = linear.intercepts.astype(np.float32)
        worth = (best.accuracy, best.log_loss)
        return Candidate(averaging, *worth, linear.coefficients, bias, remarks=choice.remarks())

    def fit_mlp(averaging: Averaging, of_train: Floats, of_valid: Floats) -> Candidate:
        from wordgate.training.mlp import train_mlp

        course = train_mlp(
            (of_train, train.to_learn),
            (of_valid, valid.targets),
            n_classes,
            settings,
            seed=seed,
            progress=progress,
            deadline=deadline,
        )
        layers, best = course.layers, course.best
        return Candidate(
            averaging,
            best.valid_accuracy,
            best.valid_loss,
            first=layers.hidden_weights.T,
            bias=layers.hidden_bias,
            output=OutputLayer(layers.output_weights, layers.output_bias),
            history=course.history,
            best_epoch=course.best_epoch,
            remarks=course.remarks(settings.mlp_epochs),
        )

    fit = fit_logreg if family == "logreg" else fit_mlp
    best = _best(fit, known, encoded_valid, settings.average_weights, progress, deadline)
    model = _folded(best, known)
    remarks = word_remarks(known.encoded, vocabulary_of, settings)
    return Fitted(
        model.in_int8() if settings.embedding_stored == "int8" else model,
        history=best.history,
        best_epoch=best.best_epoch,
        remarks=[*remarks, *known.coverage.remarks(), *best.remarks],
        engine=single_thread_environment("scipy" if family == "logreg" else "torch"),
        coverage=known.coverage,
    )


def _best(
    fit: Fit,
    known: KnownWords,
    encoded_valid: EncodedTexts,
    weighting: str,
    progress: Progress,
    deadline: float,
) -> Candidate:
    """Fit for each weighting asked for, and keep the best on validation."""
    candidates: list[Candidate] = []
    for name in _WEIGHTINGS if weighting == "best" else (weighting,):
        if candidates and time.monotonic() >= deadline:
            late = f"Time was up before averages weighted by {name} were tried."
            return replace(candidates[0], remarks=[*candidates[0].remarks, late])
        progress.say(f"Averages: {_SAID[name]}.")
        candidates.append(fit(*_averaged(name, known, encoded_valid)))
    best = min(candidates, key=lambda candidate: (-candidate.accuracy, candidate.log_loss))
    if len(candidates) == 1:
        return best
    worths = ", ".join(f"{c.averaging.weighting} {c.accuracy:.3f}" for c in candidates)
    chosen = f"Validation chose {best.averaging.weighting} averages ({worths})."
    return replace(best, remarks=[chosen, *best.remarks])


_SAID = {
    "plain": "every word weighs the same",
    "inverse-frequency": "rare words weigh more",
}


def _averaged(
    weighting: str, known: KnownWords, encoded_valid: EncodedTexts
) -> tuple[Averaging, Floats, Floats]:
    """Average the texts of train and of validation, and bring them to one scale."""
    vectors, weights = _vectors(known), _weights(weighting, known)
    train, valid = (averages(texts, vectors, weights) for texts in (known.encoded, encoded_valid))
    with_words = _with_words(known.encoded, weights)
    if not with_words.any():
        raise DataError("no training text holds a word that has a vector")
    own = train[with_words]
    centre, spread = own.mean(axis=0), own.std(axis=0)
    spread[spread <= _CONSTANT * np.abs(centre)] = 1.0
    del own
    for texts, means in ((known.encoded, train), (encoded_valid, valid)):
        means -= centre
        means /= spread
        means[~_with_words(texts, weights)] = 0.0  # the average text, as prediction has them
    return Averaging(weighting, weights, centre, spread), train, valid


def _with_words(texts: EncodedTexts, weights: Floats) -> NDArray[np.bool_]:
    """Tell which texts hold a word that weighs anything, bool [n]; its vector may be zeros."""
    weighing = np.concatenate([[0], np.cumsum(weights[texts.ids] > 0)])
    return np.asarray(np.diff(weighing[texts.offsets]) > 0)


def _vectors(known: KnownWords) -> Floats:
    """Give float32 [vocabulary, size]; zeros for ids that have no vector."""
    vocabulary, found = known.encoder.vocabulary, known.found.vectors
    vectors = np.zeros((len(vocabulary), found.shape[1]), np.float32)
    vectors[vocabulary.first_id :] = found
    return vectors


def _weights(weighting: str, known: KnownWords) -> Floats:
    """Weigh the ids, float32 [vocabulary]; 0 for those that have no vector.

    By inverse frequency a word that makes up the share p of the training texts' tokens weighs
    a / (a + p) (Arora, Liang & Ma 2017); one that does not stand in them, 1.
    """
    vocabulary = known.encoder.vocabulary
    weights = np.zeros(len(vocabulary))
    weights[vocabulary.first_id :] = known.found.known
    if weighting == "inverse-frequency":
        tokens = np.bincount(known.encoded.ids, minlength=len(vocabulary))
        weights *= SMOOTHING / (SMOOTHING + tokens / max(1, tokens.sum()))
    return weights.astype(np.float32)


def _folded(best: Candidate, known: KnownWords) -> AverageModel:
    """Put each word's vector through the first layer, once and for all."""
    averaging = best.averaging
    rows = ((_vectors(known) - averaging.centre) / averaging.spread) @ best.first
    rows[averaging.weights == 0] = 0.0
    return AverageModel(
        known.encoder, rows.astype(np.float32), averaging.weights, best.bias, best.output
    )
