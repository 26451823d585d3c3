"""The predictor: strings in, labels and probabilities out, without torch."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wordgate.bundle.config import Config
from wordgate.bundle.folder import BundleFolder
from wordgate.bundle.metrics import Metrics
from wordgate.errors import DataError
from wordgate.evaluation.calibration import apply_temperature
from wordgate.families import FAMILIES
from wordgate.models.base import Model
from wordgate.models.lstm import with_kernel
from wordgate.models.lstm_forward import NUMPY
from wordgate.prediction.decision import DecisionRule, Threshold
from wordgate.prediction.explanation import Explanation, explain, explain_label
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
        metrics: Metrics | None = None,
        changed_files: Iterable[str] = (),
    ):
        self._model = model
        self.labels = config.labels
        self.config = config
        self.metrics = metrics
        self.changed_files = tuple(changed_files)

    def __repr__(self) -> str:
        """Name the family and the labels, and say where a text may have several."""
        several = ", multilabel" if self.multilabel else ""
        return f"Predictor({self.config.family}, {brief(list(self.labels))}{several})"

    @property
    def multilabel(self) -> bool:
        """Whether a text may have any number of labels; else it has one."""
        return self.config.multilabel

    @property
    def thresholds(self) -> dict[str, float] | None:
        """The probability of each label from which on it is given; None for the most probable."""
        return DecisionRule.of(self.config).thresholds_by_label()

    @property
    def n_threads(self) -> int:
        """Count the threads it predicts in: 1 for word counts and averaged word vectors."""
        return self._model.n_threads

    def predict(
        self,
        texts: Iterable[str],
        *,
        abstain_below: float = 0.0,
        threshold: Threshold | None = None,
        top: int | None = None,
    ) -> list[Any]:
        """Give each text its label, or its labels, in a list; of a single string, one of one.

        With one label a text that is the most probable one; or, of two labels, that of a threshold
        where its probability is at or above it, and the other below. With several labels a text
        they are those at or above their thresholds.

        Args:
            texts: One string, or a column of them: a list, an array, a pandas or polars Series, a
                frame, data set or mapping of one column.
            abstain_below: With one label a text, give None instead where the most probable label's
                probability is below this.
            threshold: Probabilities from which on labels are given, instead of the model's own:
                one number, or by label. With one label a text there must be two labels: a number
                is for the second of them.
            top: Give so many labels, the most probable ones, whatever the thresholds.

        Returns:
            For each text a string, or None where it abstains. With several labels a text, or with
            `top`, a list of strings for each, the most probable first, perhaps empty.

        Raises:
            DataError: `texts` holds something else than strings, or an empty text.
            SettingsError: An option is out of range, without effect, or contradicts another.
        """
        rule = DecisionRule.of(
            self.config, threshold=threshold, top=top, abstain_below=abstain_below
        )
        answers = rule.answers(self.predict_proba(texts))
        return [list(own or ()) for own in answers] if rule.gives_several else answers

    def predict_proba(self, texts: Iterable[str]) -> NDArray[np.float64]:
        """Give the probability of each label for each text.

        Args:
            texts: One string, or a column of them: a list, an array, a pandas or polars Series, a
                frame, data set or mapping of one column.

        Returns:
            float64 [n, classes]; the columns follow `labels`. Each row sums to 1; with several
            labels a text each column is the probability of a label by itself.

        Raises:
            DataError: `texts` holds something else than strings, or an empty text.
        """
        return np.exp(self.log_proba(texts))

    def explain(self, text: str, *, label: str | None = None) -> Explanation:
        """Tell why a text is given its label, word by word.

        Args:
            text: One text.
            label: With several labels a text, which of them to explain; None for the most probable.

        Returns:
            The verdict after every word, and each word's effect. In a notebook it shows itself.

        Raises:
            DataError: `text` is no string, or an empty one.
            SettingsError: There is no such label, or the model gives one label a text.
        """
        if not isinstance(text, str):
            raise DataError(f"explain takes one text, not {text!r:.80} ({type(text).__name__})")
        [text] = checked_texts(text)
        rule, temperature = DecisionRule.of(self.config), self.config.temperature
        rule.check_explained(label)
        if self.multilabel:
            return explain_label(self._model, rule, temperature, text, label)
        return explain(self._model, self.labels, temperature, text, rule)

    def log_proba(self, texts: Iterable[str]) -> NDArray[np.float64]:
        """Give the logarithms of `predict_proba`, exact where a probability is tiny."""
        return apply_temperature(
            self._model.log_proba(checked_texts(texts)), self.config.temperature, self.multilabel
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
