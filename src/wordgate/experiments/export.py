"""Export of a saved model to ONNX, with a comparison of its predictions before it is kept."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from typing_extensions import Unpack

from wordgate.bundle.config import Config
from wordgate.bundle.folder import BundleFolder
from wordgate.data import ReadReport
from wordgate.errors import SettingsError
from wordgate.evaluation.calibration import apply_temperature
from wordgate.experiments.evaluate import LabelledRows, labelled_rows
from wordgate.experiments.reading import ReadingOptions, called
from wordgate.export.inputs import Exportable, encode, input_form
from wordgate.export.onnx_file import onnx_bytes
from wordgate.export.parity import Agreement, RowAccuracy, Session, check_made_up, check_rows
from wordgate.prediction.decision import DecisionRule
from wordgate.runtime.packages import require_extra
from wordgate.runtime.progress import Progress, Silent, stage
from wordgate.runtime.threads import choose_threads, limited_blas
from wordgate.storage.files import atomic_output, check_file, expand_home
from wordgate.tables.values import checked_texts
from wordgate.text.encoder import EncodedTexts


@dataclass(frozen=True)
class Exported:
    """The result of `wordgate.export_onnx`: the file, and its agreement with the model.

    Attributes:
        out: The file.
        size: Its size in bytes.
        agreement: Agreement on random texts.
        rows: Agreement on labeled rows; None if none were given.
        reading: How these were read.
    """

    out: Path
    size: int
    agreement: Agreement
    rows: RowAccuracy | None
    reading: ReadReport | None


def export_onnx(
    bundle: str | Path,
    out: str | Path,
    *,
    int8: bool = False,
    data: Any = None,
    overwrite: bool = False,
    threads: int | None = None,
    progress: Progress | None = None,
    **reading: Unpack[ReadingOptions],
) -> Exported:
    """Export a model as one ONNX file that needs only ONNX Runtime, not wordgate.

    Before the file is kept, its predictions are compared with those of the model, on random texts
    of 0 to 200 words, n-grams or subwords, in batches of 1 to 256 (1 to 64 for a transformer). In
    float32, no probability may differ by more than 1e-5; with int8, the expected loss of accuracy,
    computed from the model's probabilities, may be at most 0.3 points.

    Args:
        bundle: The folder of the model.
        out: The file to write.
        int8: Quantize the weights to 8 bits: a quarter of the size, faster, slightly less accurate.
        data: For int8, labeled texts on which the accuracy may differ by at most 0.3 points, as for
            `evaluate`. Rows that were used in training are left out, so it can be the file that
            the model was trained on.
        overwrite: Replace an existing file.
        threads: Number of CPU threads of the comparison, as for `wordgate.load`.
        progress: Shows progress; None for no output.
        **reading: How to read the data: see `ReadingOptions`.

    Raises:
        MissingExtraError: onnx or onnxruntime is not installed, or with `data` the extra `train`,
            or for a transformer the extra `transformer`.
        BundleError: The model cannot be loaded, or the predictions of the file differ.
        SettingsError: The model is a transformer that cannot be exported, an option has no effect,
            or `threads` is out of range.
        DataError: The data cannot be read, or `out` cannot be written; then an existing file is
            kept.
    """
    _check_call(data, reading, int8=int8)
    n_threads = choose_threads(threads)
    require_extra("onnx", "writing an ONNX file")
    if data is not None:
        require_extra("train", "evaluating an int8 file on labeled texts")
    out, folder = expand_home(out), BundleFolder.open(bundle)
    check_file(out, overwrite=overwrite)
    config = folder.config()
    progress = progress or Silent()
    with stage(progress, f"Loading {called(bundle)}"):
        model = cast("Exportable", folder.model(config, threads=threads))
    with limited_blas(n_threads):
        rows = None
        if data is not None:
            with stage(
                progress, f"Reading {called(data)}, and looking for rows seen during training"
            ):
                rows = labelled_rows(bundle, config, data, **reading)
        with atomic_output(out) as aside:
            with stage(progress, f"Writing {out}"):
                aside.write_bytes(onnx_bytes(model, config, int8=int8))
                session = Session(aside, threads=n_threads)
            with stage(progress, "Comparing it with the model"):
                agreement, accuracy = _compared(session, model, config, rows, int8=int8)
    return Exported(
        out, out.stat().st_size, agreement, accuracy, None if rows is None else rows.reading
    )


def _check_call(data: Any, reading: ReadingOptions, *, int8: bool) -> None:
    if data is not None and not int8:
        raise SettingsError(
            "data has no effect without int8: float32 is compared with the model itself"
        )
    given = [name for name, value in reading.items() if value]
    if data is None and given:
        raise SettingsError(f"{given[0]} has no effect without data; leave it out")


def _compared(
    session: Session, model: Exportable, config: Config, rows: LabelledRows | None, *, int8: bool
) -> tuple[Agreement, RowAccuracy | None]:
    """Compare the predictions of file and model; raise a `BundleError` if they differ too much."""

    def ours(texts: EncodedTexts) -> NDArray[np.float64]:
        log_proba = model.log_proba_of(texts)
        return np.exp(apply_temperature(log_proba, config.temperature, config.multilabel))

    given = DecisionRule.of(config).reached if config.multilabel else None
    form = input_form(model)
    agreement = check_made_up(session, ours, form, int8=int8, given=given)
    if rows is None:
        return agreement, None
    dataset = rows.dataset
    if rows.known is not None and not rows.known.all():
        dataset = dataset.part(np.flatnonzero(~rows.known))
    texts = encode(model, checked_texts(dataset.texts))
    return agreement, check_rows(session, texts, dataset.targets, ours, form, given)
