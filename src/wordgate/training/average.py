"""Fitting the families `logreg` and `mlp`: what they read of a text is the mean of its words.

Shapes: ``n`` texts, ``vocabulary`` ids, ``size`` numbers a word vector, ``features`` numbers after
the first layer, ``classes`` labels.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import DataError
from wordgate.evaluation.metrics import Epoch
from wordgate.models.average import AverageModel, OutputLayer, averages
from wordgate.models.base import Floats
from wordgate.runtime.cpu import single_thread_environment
from wordgate.runtime.progress import Progress
from wordgate.settings import Settings
from wordgate.storage.resumable import VECTORS, WORDS
from wordgate.text.encoder import EncodedTexts
from wordgate.training.fitting import (
    TIME_LIMIT,
    CheckpointConfig,
    Examples,
    Fitted,
    check_not_empty,
    run_config,
)
from wordgate.training.regularization import search_regularization
from wordgate.training.vocabulary import (
    VocabularyWithVectors,
    fit_vocabulary_with_vectors,
    vocabulary_digest,
    vocabulary_remarks,
)
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
class FittedAverages:
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


@dataclass(frozen=True)
class _Task:
    """What to fit on, the same for each weighting; `fit_average` says what each is."""

    train: Examples
    valid: Examples
    n_classes: int
    settings: Settings
    known: VocabularyWithVectors
    encoded_valid: EncodedTexts
    progress: Progress
    deadline: float

    @property
    def weightings(self) -> tuple[str, ...]:
        """The weightings that are asked for."""
        weighting = self.settings.average.weights
        return _WEIGHTINGS if weighting == "best" else (weighting,)

    def averaged(self, weighting: str) -> tuple[Averaging, Floats, Floats]:
        """Average the texts of train and of validation, and bring them to one scale."""
        return _averaged(weighting, self.known, self.encoded_valid)


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
    checkpoint: CheckpointConfig | None = None,
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
        seed: The random seed of `mlp`; nothing in `logreg` is random.
        progress: Where the way is told.
        deadline: The `time.monotonic()` at which fitting must end; `math.inf` for none.
        checkpoint: Where to keep the training of `mlp` against an interruption; None for nowhere.

    Returns:
        The best model on validation.

    Raises:
        DataError: There are no texts to fit on, or none to choose by; or the file of word vectors
            can't be used.
        BundleError: The checkpoint can't be written, or the one to resume from can't be used.
        KeyboardInterrupt: The training of `mlp` was interrupted, and is kept.
    """
    check_not_empty(train, valid, "a model of averaged word vectors", "a model")
    known = fit_vocabulary_with_vectors(train, vocabulary_of, vectors, settings, progress)
    encoded_valid = known.encoder.encode(valid.texts)
    task = _Task(train, valid, n_classes, settings, known, encoded_valid, progress, deadline)
    late: Sequence[str] = ()
    earlier_seconds = 0.0
    if family == "logreg":
        fits, late = _fit_logreg(task)
    else:
        config: dict[str, str] = {}
        if checkpoint is not None:
            config = _run_config(task, vocabulary_of, seed)
        fits, late, earlier_seconds = _fit_mlp(task, seed, checkpoint, config)
    best, chosen = _choose(fits)
    model = _folded(best, known)
    remarks = vocabulary_remarks(known.encoded, vocabulary_of, settings)
    return Fitted(
        model.in_int8() if settings.vectors.stored == "int8" else model,
        history=best.history,
        best_epoch=best.best_epoch,
        remarks=[*remarks, *known.coverage.remarks(), *chosen, *best.remarks, *late],
        earlier_seconds=earlier_seconds,
        engine=single_thread_environment("scipy" if family == "logreg" else "torch"),
        coverage=known.coverage,
    )


def _fit_logreg(task: _Task) -> tuple[list[FittedAverages], list[str]]:
    """Fit for each weighting, and say which ones there was no time for."""
    fits: list[FittedAverages] = []
    for position, weighting in enumerate(task.weightings):
        if fits and time.monotonic() >= task.deadline:
            return fits, [
                f"{TIME_LIMIT}left no time for {_name(late)}."
                for late in task.weightings[position:]
            ]
        task.progress.say(_announcement(weighting))
        averaging, of_train, of_valid = task.averaged(weighting)
        choice = search_regularization(
            (of_train, task.train.targets),
            (of_valid, task.valid.targets),
            task.n_classes,
            task.settings.logreg.c,
            progress=task.progress,
            deadline=task.deadline,
        )
        best, linear = choice.best, choice.best.linear
        bias = linear.intercepts.astype(np.float32)
        worth = (best.accuracy, best.log_loss)
        fits.append(
            FittedAverages(averaging, *worth, linear.coefficients, bias, remarks=choice.remarks())
        )
    return fits, []


def _fit_mlp(
    task: _Task, seed: int, checkpoint: CheckpointConfig | None, config: Mapping[str, str]
) -> tuple[list[FittedAverages], Sequence[str], float]:
    """Fit for each weighting; say what the time limit cut short, and what fitting took before."""
    from wordgate.training.mlp import train_mlps

    averagings: dict[int, Averaging] = {}

    def averages(position: int) -> tuple[Floats, Floats]:
        weighting = task.weightings[position]
        task.progress.say(_announcement(weighting))
        averagings[position], *both = task.averaged(weighting)
        return both[0], both[1]

    trained = train_mlps(
        [_name(weighting) for weighting in task.weightings],
        averages,
        task.train,
        task.valid,
        task.n_classes,
        task.settings,
        seed=seed,
        progress=task.progress,
        deadline=task.deadline,
        checkpoint=checkpoint,
        config=config,
    )
    fits = []
    for position, candidate in enumerate(trained.candidates):
        # One that was trained before an interruption was averaged before it.
        averaging = averagings.get(position) or task.averaged(task.weightings[position])[0]
        layers, best = candidate.network, candidate.best
        fits.append(
            FittedAverages(
                averaging,
                best.valid_accuracy,
                best.valid_loss,
                first=layers.hidden_weights.T,
                bias=layers.hidden_bias,
                output=OutputLayer(layers.output_weights, layers.output_bias),
                history=candidate.history,
                best_epoch=candidate.best_epoch,
            )
        )
    return fits, trained.remarks, trained.earlier_seconds


def _run_config(task: _Task, vocabulary_of: Examples | None, seed: int) -> dict[str, str]:
    """Name all that decides what the training of an MLP comes to, for its checkpoint."""
    known = task.known
    parts = [task.train, task.valid, *([] if vocabulary_of is None else [vocabulary_of])]
    digests = {
        VECTORS: known.vectors_digest(),
        WORDS: vocabulary_digest(known.encoder.vocabulary, known.encoded, task.encoded_valid),
    }
    return run_config("mlp", parts, task.n_classes, task.settings, seed, digests)


def _choose(fits: Sequence[FittedAverages]) -> tuple[FittedAverages, list[str]]:
    """Choose the best on validation, and say what was chosen if there was a choice."""
    best = min(fits, key=lambda fit: (-fit.accuracy, fit.log_loss))
    if len(fits) == 1:
        return best, []
    worths = ", ".join(f"{fit.averaging.weighting} {fit.accuracy:.3f}" for fit in fits)
    return best, [f"Validation chose {best.averaging.weighting} averages ({worths})."]


def _name(weighting: str) -> str:
    return f"averages weighted by {weighting}"


def _announcement(weighting: str) -> str:
    how = "every word weighs the same" if weighting == "plain" else "rare words weigh more"
    return f"Averages: {how}."


def _averaged(
    weighting: str, known: VocabularyWithVectors, encoded_valid: EncodedTexts
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


def _vectors(known: VocabularyWithVectors) -> Floats:
    """Give float32 [vocabulary, size]; zeros for ids that have no vector."""
    vocabulary, found = known.encoder.vocabulary, known.found.vectors
    vectors = np.zeros((len(vocabulary), found.shape[1]), np.float32)
    vectors[vocabulary.first_id :] = found
    return vectors


def _weights(weighting: str, known: VocabularyWithVectors) -> Floats:
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


def _folded(best: FittedAverages, known: VocabularyWithVectors) -> AverageModel:
    """Put each word's vector through the first layer, once and for all."""
    averaging = best.averaging
    rows = ((_vectors(known) - averaging.centre) / averaging.spread) @ best.first
    rows[averaging.weights == 0] = 0.0
    return AverageModel(
        known.encoder, rows.astype(np.float32), averaging.weights, best.bias, best.output
    )
