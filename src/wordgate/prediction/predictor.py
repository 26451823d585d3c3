"""The predictor: from strings to labels and probabilities, without torch."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from wordgate.bundle.config import Config
from wordgate.bundle.folder import BundleFolder
from wordgate.bundle.metrics import Metrics
from wordgate.errors import DataError, SettingsError
from wordgate.evaluation.calibration import apply_temperature
from wordgate.families import FAMILIES
from wordgate.models.base import Model
from wordgate.models.lstm import with_kernel
from wordgate.models.lstm_forward import NUMPY
from wordgate.prediction.explanation import Explanation, explain
from wordgate.runtime.display import brief
from wordgate.runtime.progress import Progress, stage
from wordgate.tables.values import checked_texts


class Predictor:
    """A trained model that predicts labels. `wordgate.load` returns one.

    Attributes:
        labels: The labels, in the order of the columns of `predict_proba`.
        config: Settings, data, seed and library versions of the training.
        metrics: The scores on the test rows; None if the model was never evaluated.
        changed_files: Files of the model folder that were changed after training. Files that are
            needed for predictions are never among them: `load` refuses a model with such changes.
    """

    def __init__(
        self,
        model: Model,
        config: Config,
        metrics: Metrics | None = None,
        changed_files: Iterable[str] = (),
    ):
        self._model = model
        self.labels = config.labels
        self.config = config
        self.metrics = metrics
        self.changed_files = tuple(changed_files)

    def __repr__(self) -> str:
        """Name the family and the labels."""
        return f"Predictor({self.config.family}, {brief(list(self.labels))})"

    @property
    def n_threads(self) -> int:
        """The number of threads of a prediction: 1 for word counts and averaged word vectors."""
        return self._model.n_threads

    @overload
    def predict(self, texts: Iterable[str]) -> list[str]: ...

    @overload
    def predict(self, texts: Iterable[str], *, abstain_below: float) -> list[str | None]: ...

    def predict(
        self, texts: Iterable[str], *, abstain_below: float = 0.0
    ) -> list[str] | list[str | None]:
        """Predict the most probable label of each text.

        Args:
            texts: One string, or several: a list, an array, a pandas or polars Series, or a frame,
                data set or mapping with one column.
            abstain_below: Return None instead of a label that is less probable than this, from 0
                to 1.

        Returns:
            A list with one label per text; for a single string, a list with one label.

        Raises:
            DataError: `texts` contains something other than strings, or an empty text.
            SettingsError: `abstain_below` is not between 0 and 1.
        """
        check_abstain(abstain_below)
        proba = self.predict_proba(texts)
        return [
            None if row.max() < abstain_below else self.labels[int(row.argmax())] for row in proba
        ]

    def predict_proba(self, texts: Iterable[str]) -> NDArray[np.float64]:
        """Predict the probability of each label for each text.

        The probabilities are calibrated by temperature scaling (Guo et al. 2017), unless the
        setting `calibration` is ``none``.

        Args:
            texts: See `predict`.

        Returns:
            float64 [n, classes]; the columns are in the order of `labels`, each row sums to 1.

        Raises:
            DataError: `texts` contains something other than strings, or an empty text.
        """
        return np.exp(self.log_proba(texts))

    def explain(self, text: str) -> Explanation:
        """Explain the prediction for one text, word by word.

        Args:
            text: The text.

        Returns:
            The prediction after each word, and the effect of each word.

        Raises:
            DataError: `text` is not a string, or empty.
        """
        if not isinstance(text, str):
            raise DataError(f"explain takes one text, not {text!r:.80} ({type(text).__name__})")
        [text] = checked_texts(text)
        return explain(self._model, self.labels, self.config.temperature, text)

    def log_proba(self, texts: Iterable[str]) -> NDArray[np.float64]:
        """Predict the natural logarithms of the probabilities, accurate for tiny probabilities.

        Args:
            texts: See `predict`.

        Returns:
            float64 [n, classes]; the columns are in the order of `labels`.

        Raises:
            DataError: `texts` contains something other than strings, or an empty text.
        """
        return apply_temperature(
            self._model.log_proba(checked_texts(texts)), self.config.temperature
        )


def load_aloud(path: str | Path, progress: Callable[[], Progress], **options: Any) -> Predictor:
    """Load a model, with a progress message if it is a slow one such as a transformer.

    Args:
        path: The model's folder.
        progress: Returns the object that shows progress.
        **options: The options of `load`.
    """
    family = FAMILIES.get(BundleFolder.open(path).config().family)
    if family is None or family.extra is None:
        return load(path, **options)
    with stage(progress(), f"Loading {path}"):
        return load(path, **options)


def check_abstain(abstain_below: float) -> None:
    """Check that a threshold is a probability.

    Raises:
        SettingsError: It is not between 0 and 1.
    """
    if not 0.0 <= abstain_below <= 1.0:
        raise SettingsError(
            f"abstain_below is {abstain_below}; it must be a probability, from 0 to 1"
        )


def load(path: str | Path, *, kernel: str = NUMPY, threads: int | None = None) -> Predictor:
    """Load a trained model.

    Args:
        path: The folder of the model.
        kernel: The implementation of an LSTM: ``numpy``; ``numba``, which is compiled at the first
            prediction (one or two seconds) and up to twice as fast, with the same probabilities to
            within 1e-6; or ``numba-int8``, with weights and hidden states quantized to 8 bits.
        threads: The number of threads of an LSTM or a transformer. None for the environment
            variable WORDGATE_THREADS, then OMP_NUM_THREADS, then the number of cores.

    Returns:
        The model.

    Raises:
        BundleError: There is no model, or one of its files is missing, damaged, changed or from a
            newer version.
        SettingsError: `kernel` is unknown, or not supported for this model or this processor; or
            `threads` is not a positive number.
        MissingExtraError: The kernel needs numba, which is not installed.
    """
    folder = BundleFolder.open(path)
    config = folder.config()
    changed = folder.changed_files()
    metrics = None if "metrics.json" in changed else folder.metrics()
    model = folder.model(config, threads=threads)
    return Predictor(with_kernel(model, kernel), config, metrics, changed)
