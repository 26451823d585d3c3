"""Interrupted runs: where they are kept next to the output, and the checks before resuming them."""

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
    """Files of an unfinished training run; None for those that are not kept.

    Attributes:
        checkpoint: The checkpoint of the model.
        baseline: The folder of the count baseline, which is not fitted again on resumption.
        teaching: The folder of the teachers; None for a family without distillation.
    """

    checkpoint: CheckpointConfig | None = None
    baseline: CheckpointConfig | None = None
    teaching: Path | None = None

    @classmethod
    def beside(
        cls, out: Path | None, family: str, *, resume: bool, overwrite: bool
    ) -> "KeptTraining":
        """Choose the files next to an output, and check them.

        With `overwrite`, existing files are kept until newer ones replace them.

        Raises:
            BundleError: There is an interrupted run, and neither `resume` nor `overwrite` is set;
                or there is none to resume.
            SettingsError: The family has no checkpoints, or there is no output to resume.
        """
        if resume and not FAMILIES[family].can_resume:
            resumable = ", ".join(known.name for known in FAMILIES.values() if known.can_resume)
            raise SettingsError(
                f"--resume has no effect: a {family} model is fitted in one step; only {resumable}"
                " models have checkpoints"
            )
        _check_output_is_given(out, "training", resume=resume)
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
        files = [one for one in (file, baseline, teaching) if one is not None and one.exists()]
        kept = files[0] if files else file
        check_resume(out, kept, "training", resume=resume, overwrite=overwrite)
        checkpoint = CheckpointConfig(file, resume and file.exists())
        return cls(checkpoint, CheckpointConfig(baseline, resume), teaching)

    def clear(self) -> None:
        """Delete the files; those that remain after a kill are recognized as obsolete."""
        if self.baseline is not None:
            ResultStore(self.baseline.file, Silent()).clear()
        if self.teaching is not None and self.teaching.is_dir():
            with suppress(OSError):  # the model is written, so a failure here does not matter
                (self.teaching / FINISHED).touch()
        if self.checkpoint is not None:  # after the baseline, which would block a new training
            remove(self.checkpoint.beside.file)
            remove(self.checkpoint.file)
        if self.teaching is not None:  # after the checkpoint, which is useless without it
            clear_teacher_cache(self.teaching)


KeptPart = Literal["checkpoint", "baseline", "teaching", "search"]


def kept_beside(out: str | Path, part: KeptPart) -> Path:
    """Return the path of a part of a run next to its output, such as ``model.checkpoint``."""
    return Path(f"{Path(out)}.{part}")


def check_kept(
    out: Path | None, part: KeptPart, what: str, *, resume: bool, overwrite: bool
) -> None:
    """Check the folder of a run, such as a search, before it starts: see `check_resume`."""
    _check_output_is_given(out, what, resume=resume)
    if out is not None:
        kept = kept_beside(out, part)
        check_place(kept, what, folder=True)
        check_resume(out, kept, what, resume=resume, overwrite=overwrite)


def _check_output_is_given(out: Path | None, what: str, *, resume: bool) -> None:
    if resume and out is None:
        raise SettingsError(f"give the output of the {what} to resume as `out`")


def is_complete(model: Path, kept: Path) -> bool:
    """Return whether a model is the final result of an interrupted training run.

    The durations of its epochs identify the run. A model of a run that the time limit stopped is
    not final, and before the end of the first epoch the result is False.
    """
    from wordgate.training.checkpoint import kept_histories

    try:
        histories = kept_histories(kept)
        metrics = BundleFolder.open(model).metrics()
        if metrics is None or any(remark.startswith(TIME_LIMIT) for remark in metrics.remarks):
            return False
        history = [asdict(epoch) for epoch in metrics.history]
        return any(epochs and history[: len(epochs)] == epochs for epochs in histories)
    except (BundleError, OSError, SafetensorError, *CORRUPT_FILE_ERRORS):
        return False


def check_place(kept: Path, what: str, *, folder: bool) -> None:
    """Raise a `BundleError` if the path of a run is not of the expected type."""
    kind = "folder" if folder else "file"
    if kept.exists() and not (kept.is_dir() if folder else kept.is_file()):
        raise BundleError(
            f"{kept} is not a {kind}, but a {what} is kept in a {kind} of this name; move it, or"
            " choose another --out"
        )


def check_resume(out: Path, kept: Path, what: str, *, resume: bool, overwrite: bool) -> None:
    """Check a kept run of an output against the options.

    Raises:
        BundleError: There is a run, and neither `resume` nor `overwrite` is set; or there is none
            to resume; or the output exists as well.
    """
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
    """On an interruption, report how to resume the run, unless the message already does."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        if kept is None or not kept.exists() or interrupt.args:
            raise
        raise KeyboardInterrupt(
            f"{what} kept in {kept}; run the same command with --resume to continue"
        ) from None
