"""Fitting the families `logreg` and `mlp`, whose input is the mean word vector of a text.

Shapes: ``n`` texts, ``vocabulary`` ids, ``size`` numbers per word vector, ``features`` outputs of
the first layer, ``classes`` labels.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import DataError
from wordgate.models.average import AverageModel, OutputLayer, averages
from wordgate.models.base import Floats
from wordgate.runtime.cpu import single_thread_environment
from wordgate.settings import Settings
from wordgate.storage.resumable import VECTORS, WORDS
from wordgate.text.encoder import EncodedTexts
from wordgate.training.fitting import TIME_LIMIT, FitData, Fitted, RunContext
from wordgate.training.logistic import RegularizationChoice, in_time, search_regularization
from wordgate.training.vocabulary import (
    VocabularyWithVectors,
    fit_vocabulary_with_vectors,
    vocabulary_digest,
    vocabulary_remarks,
)
from wordgate.training.weights import loss_weights

SMOOTHING = 1e-3
"""The constant a of Arora et al.: a word with this relative frequency has weight 0.5."""
_CONSTANT = 1e-5
"""A component with a smaller variation relative to its mean varies only by rounding."""


@dataclass(frozen=True)
class _Averaging:
    """Weights of words, and the standardization of their averages over the training texts."""

    weighting: str  # the name of the weighting
    weights: Floats  # float32 [vocabulary]
    centre: Floats  # float32 [size], the mean of the training texts' averages
    spread: Floats  # float32 [size], their standard deviation


@dataclass(frozen=True)
class _FittedLayers:
    """Layers fitted on texts averaged in one way, and their `validation_scores`."""

    averaging: _Averaging
    accuracy: float
    log_loss: float
    first: Floats  # float32 [size, features], the first layer's weights
    bias: Floats  # float32 [features]
    output: OutputLayer | None = None  # the second layer, if there is one


def fit_logreg(data: FitData, settings: Settings, context: RunContext) -> Fitted:
    """Fit a logistic regression, as `wordgate.training.families.fit` does; nothing is random.

    Validation chooses the weighting of words and the regularization.
    """
    known, encoded_valid = _begin(data, settings, context)
    fits: list[_FittedLayers] = []
    choices: list[RegularizationChoice] = []
    weightings = _weightings(settings)
    for weighting in in_time(weightings, context.deadline):
        context.progress.begin(_announcement(weighting))
        averaging, of_train, of_valid = _averaged(weighting, known, encoded_valid)
        choice = search_regularization(
            (of_train, data.train.targets),
            (of_valid, data.valid.targets),
            data.n_classes,
            settings.logreg.c,
            weights=loss_weights(data, settings.class_weight),
            progress=context.progress,
            deadline=context.deadline,
        )
        best, linear = choice.best, choice.best.linear
        layers = linear.coefficients, linear.intercepts.astype(np.float32)
        fits.append(_FittedLayers(averaging, best.accuracy, best.log_loss, *layers))
        choices.append(choice)
    position, chosen = _choose(fits, by_loss=data.multilabel)
    late = [f"{TIME_LIMIT}left no time for {_name(each)}." for each in weightings[len(fits) :]]
    if choices[-1].is_cut and position < len(fits) - 1:
        late.append(f"{TIME_LIMIT}stopped the fit of {_name(weightings[len(fits) - 1])} early.")
    remarks = [*_remarks(known, data, settings), *chosen, *choices[position].remarks()]
    return Fitted(
        _folded(fits[position], known, data, settings),
        remarks=[*remarks, *late],
        engine=single_thread_environment("scipy"),
        coverage=known.coverage,
    )


def fit_mlp(data: FitData, settings: Settings, context: RunContext) -> Fitted:
    """Fit a hidden layer and the layer over it, as `wordgate.training.families.fit` does.

    Validation chooses the weighting of words and the epoch.
    """
    from wordgate.training.mlp import train_mlps

    known, encoded_valid = _begin(data, settings, context)
    weightings = _weightings(settings)
    averagings: dict[int, _Averaging] = {}

    def averages(position: int) -> tuple[Floats, Floats]:
        context.progress.begin(_announcement(weightings[position]))
        averagings[position], *both = _averaged(weightings[position], known, encoded_valid)
        return both[0], both[1]

    def digests() -> dict[str, str]:
        words = vocabulary_digest(known.encoder.vocabulary, known.encoded, encoded_valid)
        return {"family": "mlp", VECTORS: known.vectors_digest(), WORDS: words}

    names = list(map(_name, weightings))
    trained = train_mlps(names, averages, data, settings, context, digests)
    fits = []
    for position, candidate in enumerate(trained.candidates):
        # One that was trained before an interruption was averaged before it.
        averaging = averagings.get(position)
        layers, best = candidate.network, candidate.best
        fits.append(
            _FittedLayers(
                averaging or _averaged(weightings[position], known, encoded_valid)[0],
                best.valid_accuracy,
                best.valid_loss,
                first=layers.hidden_weights.T,
                bias=layers.hidden_bias,
                output=OutputLayer(layers.output_weights, layers.output_bias),
            )
        )
    position, chosen = _choose(fits, by_loss=data.multilabel)
    model = _folded(fits[position], known, data, settings)
    remarks = [*_remarks(known, data, settings), *chosen]
    return trained.fitted(model, position, remarks, known.coverage)


def _begin(
    data: FitData, settings: Settings, context: RunContext
) -> tuple[VocabularyWithVectors, EncodedTexts]:
    """Find the vectors of the words, and encode the validation texts."""
    data.check_not_empty("a model of averaged word vectors", "a model")
    if data.vectors is None:
        raise ValueError("there are no word vectors to average")
    known = fit_vocabulary_with_vectors(data, data.vectors, settings, context.progress)
    return known, known.encoder.encode(data.valid.texts)


def _choose(fits: Sequence[_FittedLayers], *, by_loss: bool) -> tuple[int, list[str]]:
    """Return the position of the highest accuracy, or lowest log loss, and a remark with all."""
    ranks = [(0.0 if by_loss else -fit.accuracy, fit.log_loss) for fit in fits]
    position = ranks.index(min(ranks))
    if len(fits) == 1:
        return position, []
    scores = ", ".join(
        f"{fit.averaging.weighting} {fit.log_loss if by_loss else fit.accuracy:.3f}" for fit in fits
    )
    what = "log loss" if by_loss else "accuracy"
    weighting = fits[position].averaging.weighting
    return position, [
        f"{weighting.capitalize()} averages were selected by validation {what} ({scores})."
    ]


def _remarks(known: VocabularyWithVectors, data: FitData, settings: Settings) -> list[str]:
    return [*vocabulary_remarks(data, known.encoded, settings), *known.coverage.remarks()]


def _weightings(settings: Settings) -> tuple[str, ...]:
    asked = settings.average.weights
    return ("plain", "inverse-frequency") if asked == "best" else (asked,)


def _name(weighting: str) -> str:
    return f"averages weighted by {weighting}"


def _announcement(weighting: str) -> str:
    how = "all words weigh the same" if weighting == "plain" else "rare words weigh more"
    return f"Averages, {how}"


def _averaged(
    weighting: str, known: VocabularyWithVectors, encoded_valid: EncodedTexts
) -> tuple[_Averaging, Floats, Floats]:
    """Average the training and validation texts, and standardize the averages."""
    vectors, weights = _vectors(known), _weights(weighting, known)
    train, valid = (averages(texts, vectors, weights) for texts in (known.encoded, encoded_valid))
    with_words = _with_words(known.encoded, weights)
    if not with_words.any():
        raise DataError("no training text contains a word that has a vector")
    own = train[with_words]
    centre, spread = own.mean(axis=0), own.std(axis=0)
    spread[spread <= _CONSTANT * np.abs(centre)] = 1.0
    del own
    for texts, means in ((known.encoded, train), (encoded_valid, valid)):
        means -= centre
        means /= spread
        means[~_with_words(texts, weights)] = 0.0  # the average text, as prediction has them
    return _Averaging(weighting, weights, centre, spread), train, valid


def _with_words(texts: EncodedTexts, weights: Floats) -> NDArray[np.bool_]:
    """Return which texts contain a word of a weight above 0, bool [n]; its vector may be zeros."""
    weighing = np.concatenate([[0], np.cumsum(weights[texts.ids] > 0)])
    return np.asarray(np.diff(weighing[texts.offsets]) > 0)


def _vectors(known: VocabularyWithVectors) -> Floats:
    """Return float32 [vocabulary, size]; zeros for ids that have no vector."""
    vocabulary, found = known.encoder.vocabulary, known.found.vectors
    vectors = np.zeros((len(vocabulary), found.shape[1]), np.float32)
    vectors[vocabulary.first_id :] = found
    return vectors


def _weights(weighting: str, known: VocabularyWithVectors) -> Floats:
    """Weigh the ids, float32 [vocabulary]; 0 for those that have no vector.

    By inverse frequency, a word with the relative frequency p in the training texts has the weight
    a / (a + p) (Arora, Liang & Ma 2017); a word that does not occur in them has 1.
    """
    vocabulary = known.encoder.vocabulary
    weights = np.zeros(len(vocabulary))
    weights[vocabulary.first_id :] = known.found.known
    if weighting == "inverse-frequency":
        tokens = np.bincount(known.encoded.ids, minlength=len(vocabulary))
        weights *= SMOOTHING / (SMOOTHING + tokens / max(1, tokens.sum()))
    return weights.astype(np.float32)


def _folded(
    best: _FittedLayers, known: VocabularyWithVectors, data: FitData, settings: Settings
) -> AverageModel:
    """Multiply the vector of each word by the first layer, so that prediction need not."""
    averaging = best.averaging
    rows = ((_vectors(known) - averaging.centre) / averaging.spread) @ best.first
    rows[averaging.weights == 0] = 0.0
    layers = (rows.astype(np.float32), averaging.weights, best.bias, best.output)
    model = AverageModel(known.encoder, *layers, multilabel=data.multilabel)
    return model.in_int8() if settings.vectors.stored == "int8" else model
