"""Where interrupted runs are kept, and how they go on."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from safetensors import SafetensorError

from wordgate.bundle.folder import BundleFolder
from wordgate.errors import BundleError, SettingsError
from wordgate.experiments.fold_results import ResultStore
from wordgate.experiments.teacher_cache import FINISHED, clear_teacher_cache, is_over
from wordgate.families import FAMILIES
from wordgate.runtime.progress import Silent
from wordgate.storage.files import remove
from wordgate.storage.resumable import CORRUPT_FILE_ERRORS
from wordgate.training.fitting import TIME_LIMIT, CheckpointConfig


@dataclass(frozen=True)
class KeptTraining:
    """Where a training is kept until its model is written; None where nothing is kept.

    Attributes:
        baseline: Of the model that it has to beat, not to be fitted on every resumption.
        teaching: The folder of its teachers; None for a family that learns from none.
    """

    checkpoint: CheckpointConfig | None = None
    baseline: CheckpointConfig | None = None
    teaching: Path | None = None

    @classmethod
    def beside(
        cls, out: Path | None, family: str, *, resume: bool, overwrite: bool
    ) -> "KeptTraining":
        """Choose the places, and refuse to pass over a training that was interrupted.

        With `overwrite` what is kept stays until something newer is.
        """
        if resume and not FAMILIES[family].can_resume:
            resumable = ", ".join(known.name for known in FAMILIES.values() if known.can_resume)
            raise SettingsError(
                f"--resume has no effect: a {family} model is fitted in one step; only {resumable}"
                " models have checkpoints"
            )
        if resume and out is None:
            raise SettingsError("give the folder of the training run to resume as `out`")
        if out is None or not FAMILIES[family].can_resume:
            return cls()
        file, baseline = kept_beside(out, "checkpoint"), kept_beside(out, "baseline")
        teaching = kept_beside(out, "teaching") if FAMILIES[family].can_be_taught else None
        check_place(file, "training", folder=False)
        if teaching is not None and not file.exists() and is_over(teaching):
            clear_teacher_cache(teaching)
        check_place(baseline, "baseline", folder=True)
        if teaching is not None:
            check_place(teaching, "teaching", folder=True)
        places = [one for one in (file, baseline, teaching) if one is not None and one.exists()]
        kept = places[0] if places else file
        check_resume(out, kept, "training", resume=resume, overwrite=overwrite)
        checkpoint = CheckpointConfig(file, resume and file.exists())
        return cls(checkpoint, CheckpointConfig(baseline, resume), teaching)

    def clear(self) -> None:
        """Delete what is kept, which a kill in between leaves as something to be deleted."""
        if self.baseline is not None:
            ResultStore(self.baseline.file, Silent()).clear()
        if self.teaching is not None and self.teaching.is_dir():
            with suppress(OSError):  # the model is written: that this fails is no reason to say so
                (self.teaching / FINISHED).touch()
        if self.checkpoint is not None:  # after the baseline, which would block a new training
            remove(self.checkpoint.beside.file)
            remove(self.checkpoint.file)
        if self.teaching is not None:  # after the checkpoint, which would be of no use without
            clear_teacher_cache(self.teaching)


def kept_beside(
    out: str | Path, what: Literal["checkpoint", "baseline", "teaching", "search"]
) -> Path:
    """Name where something of a run into a folder is kept: ``model`` has ``model.checkpoint``."""
    return Path(f"{Path(out)}.{what}")


def is_complete(model: Path, kept: Path) -> bool:
    """Return whether a model is what a saved training came to at its very end.

    The seconds that its epochs took are those of no other. A model that the time limit made is not
    the end, and before the first epoch is over nothing can be told.
    """
    from wordgate.training.checkpoint import kept_histories

    try:
        histories = kept_histories(kept)
        metrics = BundleFolder.open(model).metrics()
        if metrics is None or any(remark.startswith(TIME_LIMIT) for remark in metrics.remarks):
            return False
        made = [asdict(each) for each in metrics.history]
        return any(epochs and made[: len(epochs)] == epochs for epochs in histories)
    except (BundleError, OSError, SafetensorError, *CORRUPT_FILE_ERRORS):
        return False


def check_place(kept: Path, what: str, *, folder: bool) -> None:
    """Refuse what stands where a run, such as a training, would be kept and can't be that."""
    kind = "folder" if folder else "file"
    if kept.exists() and not (kept.is_dir() if folder else kept.is_file()):
        raise BundleError(
            f"{kept} is not a {kind}, but a {what} is kept in a {kind} of this name; move it, or"
            " choose another --out"
        )


def check_resume(out: Path, kept: Path, what: str, *, resume: bool, overwrite: bool) -> None:
    """Refuse where nothing said what becomes of a kept run that is to make `out`, or none is."""
    if resume and not kept.exists():
        raise BundleError(f"there is no {kept} to resume from; leave out --resume to start")
    if kept.exists() and not resume and not overwrite:
        raise BundleError(
            f"a {what} into {out} was interrupted and left {kept}: continue it with --resume, or"
            " start over with --overwrite"
        )
    if resume and not overwrite and os.path.lexists(out):
        raise BundleError(
            f"both {out} and {kept} exist: if the {what} was stopped just after it had written"
            f" {out}, that is complete, and you can delete {kept}; if it was to replace {out}, add"
            " --overwrite"
        )


@contextmanager
def telling_what_is_kept(kept: Path | None, what: str) -> Iterator[None]:
    """On an interruption, report how to resume the run, unless the message says so already."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        if kept is None or not kept.exists() or interrupt.args:
            raise
        raise KeyboardInterrupt(
            f"{what} kept in {kept}; run the same command with --resume to continue"
        ) from None
