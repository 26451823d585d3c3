"""Exporting a kept model to ONNX: built, written aside, compared with ours, moved to its place."""

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
from wordgate.runtime.cpu import choose_threads, limited_blas
from wordgate.runtime.packages import require_extra
from wordgate.runtime.progress import Progress, Silent, stage
from wordgate.storage.files import atomic_output, check_file
from wordgate.tables.values import checked_texts
from wordgate.text.encoder import EncodedTexts


@dataclass(frozen=True)
class Exported:
    """A file written, and how near it is to the model.

    Attributes:
        out: The file.
        size: Its bytes.
        agreement: On made-up texts.
        rows: On labelled rows; None if none were given.
        reading: How those were read.
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
    """Write a model as one ONNX file that needs only ONNX Runtime, and no wordgate.

    Its answers are compared with the model's before it comes to its place: on made-up texts in
    batches of 1 to 256 (of a transformer, 1 to 64), of 0 to 200 words, n-grams or subwords. In
    float32 no probability may be off by more than 1e-5; with int8, by the model's own
    probabilities, no more than 0.3 points of accuracy may be lost.

    Args:
        bundle: The model's folder.
        out: The file to write.
        int8: Write weights of 8 bits: a quarter of the size, faster, a little less exact.
        data: For int8, labelled texts on which the accuracy may differ by 0.3 points at most: what
            `evaluate` takes. Rows that had a part in the training don't count; so the very file
            that the model was trained on gives the rows that it was not.
        overwrite: Replace a file that is there.
        threads: In how many threads to compare the file with the model, as for `wordgate.load`.
        progress: Where it is shown what is being done; None for nowhere.
        **reading: How to read the data: see `ReadingOptions`.

    Raises:
        MissingExtraError: onnx or onnxruntime isn't installed, or with `data` the extra `train`, or
            for a transformer the extra `transformer`.
        BundleError: The model can't be loaded, or the file would not answer as it does.
        SettingsError: The model is a transformer of a kind that can't be exported, an option has no
            effect, or that is no number of threads.
        DataError: There can be no file at `out`, or the data can't be read; or the disk refuses,
            and what stood at `out` still stands there.
    """
    _check_call(data, reading, int8=int8)
    n_threads = choose_threads(threads)
    require_extra("onnx", "writing an ONNX file")
    if data is not None:
        require_extra("train", "judging an int8 file on labelled texts")
    out, folder = Path(out), BundleFolder.open(bundle)
    check_file(out, overwrite=overwrite)
    config = folder.config()
    progress = progress or Silent()
    with stage(progress, f"Loading {called(bundle)}"):
        model = cast("Exportable", folder.model(config, threads=threads))
    with limited_blas(n_threads):
        rows = None
        if data is not None:
            with stage(
                progress, f"Reading {called(data)}, and looking for rows known from training"
            ):
                rows = labelled_rows(bundle, config, data, **reading)
        with atomic_output(out) as aside:
            with stage(progress, f"Writing {out}"):
                aside.write_bytes(onnx_bytes(model, config, int8=int8))
                session = Session(aside, threads=n_threads)
            with stage(progress, "Comparing it with the model"):
                agreement, judged = _compared(session, model, config, rows, int8=int8)
    return Exported(
        out, out.stat().st_size, agreement, judged, None if rows is None else rows.reading
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
    """Compare what was written with the model; raise where they are too far apart."""

    def ours(texts: EncodedTexts) -> NDArray[np.float64]:
        found = model.log_proba_of(texts)
        return np.exp(apply_temperature(found, config.temperature, config.multilabel))

    given = DecisionRule.of(config).given if config.multilabel else None
    form = input_form(model)
    agreement = check_made_up(session, ours, form, int8=int8, given=given)
    if rows is None:
        return agreement, None
    dataset = rows.dataset
    if rows.known is not None and not rows.known.all():
        dataset = dataset.part(np.flatnonzero(~rows.known))
    texts = encode(model, checked_texts(dataset.texts))
    return agreement, check_rows(session, texts, dataset.targets, ours, form, given)
