"""The predictor: from strings to labels and probabilities, without torch."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wordgate.bundle.config import Config
from wordgate.bundle.folder import BundleFolder
from wordgate.bundle.metrics import AnyMetrics
from wordgate.bundle.summary import model_line, model_table
from wordgate.errors import DataError, SettingsError
from wordgate.evaluation.calibration import apply_temperature
from wordgate.families import FAMILIES, imported
from wordgate.models.base import Model
from wordgate.models.lstm import with_kernel
from wordgate.models.lstm_forward import NUMPY, TRANSFORMER_KERNELS, check_kernel
from wordgate.models.transformer import TransformerModel
from wordgate.prediction.decision import DecisionRule, Threshold
from wordgate.prediction.explaining import explain
from wordgate.prediction.explanation import Explanation
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
        metrics: AnyMetrics | None = None,
        changed_files: Iterable[str] = (),
    ):
        self._model = model
        self.labels = config.labels
        self.config = config
        self.metrics = metrics
        self.changed_files = tuple(changed_files)

    def __repr__(self) -> str:
        return model_line("Predictor", self._model, self.config, self.metrics)

    def _repr_html_(self) -> str:
        return model_table("Predictor", self._model, self.config, self.metrics)

    @property
    def multilabel(self) -> bool:
        """Whether a text can have any number of labels; otherwise it has one."""
        return self.config.multilabel

    @property
    def thresholds(self) -> dict[str, float] | None:
        """Minimum probability of each label to be predicted; None for the most probable label."""
        return DecisionRule.of(self.config).thresholds_by_label()

    @property
    def n_threads(self) -> int:
        """The number of threads of a prediction: 1 for word counts and averaged word vectors."""
        return self._model.n_threads

    def predict(
        self,
        texts: Iterable[str],
        *,
        abstain_below: float = 0.0,
        threshold: Threshold | None = None,
        top: int | None = None,
    ) -> list[Any]:
        """Predict the label, or the labels, of each text.

        With one label per text, that is the most probable label; for two labels with a threshold,
        the label of the threshold if it is at least that probable, and the other one otherwise.
        With several labels per text, it is every label that is at least as probable as its
        threshold.

        Args:
            texts: One string, or several: a list, an array, a pandas or Polars Series, or a frame,
                data set or mapping with one column.
            abstain_below: Return None instead of a label that is less probable than this, from 0
                to 1; only with one label per text.
            threshold: Minimum probabilities of labels instead of those of the model: one number,
                or a mapping by label. With one label per text, the model must have two labels; a
                number is for the second one.
            top: Return this number of labels, the most probable ones, regardless of thresholds.

        Returns:
            A list with one label per text; for a single string, a list with one label. Where the
            model abstains, the label is None. With several labels per text, or with `top`, each
            element is a list of labels, most probable first, which can be empty.

        Raises:
            DataError: `texts` contains something other than strings, or an empty text.
            SettingsError: An option is out of range, has no effect, or contradicts another one.
        """
        rule = DecisionRule.of(
            self.config, threshold=threshold, top=top, abstain_below=abstain_below
        )
        predictions = rule.predictions(self.predict_proba(texts))
        if rule.predicts_several:
            return [list(labels or ()) for labels in predictions]
        return predictions

    def predict_proba(self, texts: Iterable[str]) -> NDArray[np.float64]:
        """Predict the probability of each label for each text.

        The probabilities are calibrated by temperature scaling (Guo et al. 2017), unless the
        setting `calibration` is ``none``.

        Args:
            texts: See `predict`.

        Returns:
            float64 [n, classes]; the columns are in the order of `labels`. Each row sums to 1,
            unless a text can have several labels.

        Raises:
            DataError: `texts` contains something other than strings, or an empty text.
        """
        return np.exp(self.log_proba(texts))

    def explain(self, text: str, *, label: str | None = None) -> Explanation:
        """Explain the prediction for one text, word by word.

        Args:
            text: The text.
            label: With several labels per text, the label to explain; None for the most probable.

        Returns:
            The prediction after each word, and the effect of each word.

        Raises:
            DataError: `text` is not a string, or empty.
            SettingsError: The label is unknown, or the model predicts one label per text.
        """
        if not isinstance(text, str):
            raise DataError(f"explain takes one text, not {text!r:.80} ({type(text).__name__})")
        [text] = checked_texts(text)
        rule = DecisionRule.of(self.config)
        rule.check_explained(label)
        return explain(self._model, rule, self.config.temperature, text, label)

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
            self._model.log_proba(checked_texts(texts)), self.config.temperature, self.multilabel
        )


def load_with_progress(
    path: str | Path, progress: Callable[[], Progress], **options: Any
) -> Predictor:
    """Load a model, with a progress message if it is a slow one such as a transformer."""
    family = FAMILIES.get(BundleFolder.open(path).config().family)
    if family is None or family.extra is None:
        return load(path, **options)
    with stage(progress(), f"Loading {path}"):
        return load(path, **options)


def load(path: str | Path, *, kernel: str = NUMPY, threads: int | None = None) -> Predictor:
    """Load a trained model.

    Args:
        path: The folder of the model.
        kernel: The implementation of an LSTM: ``numpy``; ``numba``, which is compiled at the first
            prediction (one or two seconds) and up to twice as fast, with the same probabilities to
            within 1e-6; or ``numba-int8``, with weights and hidden states quantized to 8 bits.
            That of a transformer: ``numpy`` for torch in float32; ``torch-bfloat16``; or
            ``onnx-int8``, quantized to 8 bits and run by ONNX Runtime, which is compared with
            float32 on random texts first, as by `export_onnx`, and refused if it differs too much.
        threads: The number of threads of an LSTM or a transformer. None for the environment
            variable WORDGATE_THREADS, then OMP_NUM_THREADS, then the number of cores.

    Returns:
        The model.

    Raises:
        BundleError: There is no model, or one of its files is missing, damaged, changed or from a
            newer version.
        SettingsError: `kernel` is unknown, or not supported for this model or this processor, or
            too inaccurate for this model; or `threads` is not a positive number.
        MissingExtraError: The kernel needs numba or ONNX Runtime, which is not installed.
    """
    folder = BundleFolder.open(path)
    config = folder.config()
    changed = folder.changed_files()
    metrics = None if "metrics.json" in changed else folder.metrics()
    model = folder.model(config, threads=threads)
    return Predictor(apply_kernel(kernel, model, config), config, metrics, changed)


def apply_kernel(kernel: str, model: Model, config: Config) -> Model:
    """Return a model that is computed by a kernel; see `load`."""
    check_kernel(kernel)
    if kernel not in TRANSFORMER_KERNELS:
        return with_kernel(model, kernel)
    if not isinstance(model, TransformerModel):
        raise SettingsError(
            f"kernel '{kernel}' is for transformer models, and this is a {model.family} model"
        )
    if kernel == "torch-bfloat16":
        return model.in_bfloat16()
    by_onnx: Model = imported("export.onnx_kernel:computed_in_int8")(model, config)
    return by_onnx
