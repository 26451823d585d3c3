"""The predictor: strings in, labels and probabilities out, without torch."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from wordgate.bundle.config import Config
from wordgate.bundle.folder import BundleFolder
from wordgate.bundle.metrics import AnyMetrics
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
    """A classifier that is ready to use.

    Attributes:
        labels: The labels, in the order of the probabilities' columns.
        config: How the model came about.
        metrics: Its scores; None if it was never evaluated.
        changed_files: Files of its bundle that were changed since, none of them read to predict.
    """

    def __init__(
        self,
        model: Model,
        config: Config,
        metrics: AnyMetrics | None = None,
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
        """Count the threads it predicts in: 1 for word counts and averaged word vectors."""
        return self._model.n_threads

    @overload
    def predict(self, texts: Iterable[str]) -> list[str]: ...

    @overload
    def predict(self, texts: Iterable[str], *, abstain_below: float) -> list[str | None]: ...

    def predict(
        self, texts: Iterable[str], *, abstain_below: float = 0.0
    ) -> list[str] | list[str | None]:
        """Give each text its most probable label, in a list; of a single string, one of one.

        Args:
            texts: One string, or a column of them: a list, an array, a pandas or polars Series, a
                frame, data set or mapping of one column.
            abstain_below: Give None instead where the label's probability is below this.

        Raises:
            DataError: `texts` holds something else than strings, or an empty text.
            SettingsError: `abstain_below` is no probability.
        """
        check_abstain(abstain_below)
        proba = self.predict_proba(texts)
        return [
            None if row.max() < abstain_below else self.labels[int(row.argmax())] for row in proba
        ]

    def predict_proba(self, texts: Iterable[str]) -> NDArray[np.float64]:
        """Give the probability of each label for each text.

        Args:
            texts: One string, or a column of them: a list, an array, a pandas or polars Series, a
                frame, data set or mapping of one column.

        Returns:
            float64 [n, classes]; the columns follow `labels`, each row sums to 1.

        Raises:
            DataError: `texts` holds something else than strings, or an empty text.
        """
        return np.exp(self.log_proba(texts))

    def explain(self, text: str) -> Explanation:
        """Tell why a text is given its label, word by word.

        Args:
            text: One text.

        Returns:
            The verdict after every word, and each word's effect. In a notebook it shows itself.

        Raises:
            DataError: `text` is no string, or an empty one.
        """
        if not isinstance(text, str):
            raise DataError(f"explain takes one text, not {text!r:.80} ({type(text).__name__})")
        [text] = checked_texts(text)
        return explain(self._model, self.labels, self.config.temperature, text)

    def log_proba(self, texts: Iterable[str]) -> NDArray[np.float64]:
        """Give the logarithms of `predict_proba`, exact where a probability is tiny."""
        return apply_temperature(
            self._model.log_proba(checked_texts(texts)), self.config.temperature
        )


def load_aloud(path: str | Path, progress: Callable[[], Progress], **options: Any) -> Predictor:
    """Load a model, and say so where that takes seconds, as it does of a transformer.

    Args:
        path: The model's folder.
        progress: Gives where to say it.
        **options: Those of `load`, which raises the same.
    """
    family = FAMILIES.get(BundleFolder.open(path).config().family)
    if family is None or family.extra is None:
        return load(path, **options)
    with stage(progress(), f"Loading {path}"):
        return load(path, **options)


def check_abstain(abstain_below: float) -> None:
    """Refuse a threshold that is no probability.

    Raises:
        SettingsError: It is not between 0 and 1.
    """
    if not 0.0 <= abstain_below <= 1.0:
        raise SettingsError(
            f"abstain_below is {abstain_below}; it must be a probability, from 0 to 1"
        )


def load(path: str | Path, *, kernel: str = NUMPY, threads: int | None = None) -> Predictor:
    """Load a model that `wordgate train` has written.

    Args:
        path: The model's folder.
        kernel: What computes an LSTM. ``numpy``; ``numba``, which compiles for this processor, is
            twice as fast and gives the same probabilities within 1e-6; or ``numba-int8``, which is
            faster still, with weights and states in a byte each. Numba compiles with the first
            texts, for a second or two.
        threads: In how many threads an LSTM or a transformer predicts; None for what the
            environment variable WORDGATE_THREADS says, else OMP_NUM_THREADS, else for as many as
            there are cores. Other families predict in one.

    Raises:
        BundleError: There is no model, or a file of it is missing, truncated, altered or too new.
        SettingsError: There is no such kernel, it can't compute this model, or the processor lacks
            what it needs; or that is no number of threads.
        MissingExtraError: The kernel needs numba, which is not installed.
    """
    folder = BundleFolder.open(path)
    config = folder.config()
    changed = folder.changed_files()
    metrics = None if "metrics.json" in changed else folder.metrics()
    model = folder.model(config, threads=threads)
    return Predictor(with_kernel(model, kernel), config, metrics, changed)
