"""Where an interrupted run is kept, and what is to become of one that was."""

import os
from dataclasses import asdict
from pathlib import Path

from safetensors import SafetensorError

from wordgate.bundle.folder import BundleFolder
from wordgate.errors import BundleError, SettingsError
from wordgate.families import FAMILIES
from wordgate.storage.resumable import CORRUPT_FILE_ERRORS
from wordgate.training.fitting import TIME_LIMIT, CheckpointConfig


def checkpoint_config(
    out: str | Path | None, family: str, *, resume: bool, overwrite: bool
) -> CheckpointConfig | None:
    """Say where a training is kept, and refuse to pass over one that was interrupted.

    Args:
        out: Where the model is to be written; None for memory alone, which keeps nothing.
        family: The family of the model; only the training of some is kept on its way.
        resume: Whether to go on with the training that is kept.
        overwrite: Whether to begin anew; what is kept stays until something newer is.

    Raises:
        SettingsError: There is nothing that could ever be resumed.
        BundleError: A training is kept and nothing said what is to become of it; or none is kept
            and it should be resumed; or what is there is no file.
    """
    if resume and not FAMILIES[family].can_resume:
        resumable = ", ".join(known.name for known in FAMILIES.values() if known.can_resume)
        raise SettingsError(
            f"--resume has no effect: a {family} model is fitted in one piece; kept on its way is"
            f" the training of the families {resumable}"
        )
    if resume and out is None:
        raise SettingsError("to resume a training, say by `out` which one")
    if out is None or not FAMILIES[family].can_resume:
        return None
    file = kept = checkpoint_path(out)
    check_place(file, "training", folder=False)
    if FAMILIES[family].can_be_taught:
        taught = teaching_path(out)
        check_place(taught, "teaching", folder=True)
        kept = taught if taught.exists() and not file.exists() else file
    check_resume(Path(out), kept, "training", resume=resume, overwrite=overwrite)
    return CheckpointConfig(file, resume and file.exists())


def checkpoint_path(out: str | Path) -> Path:
    """Say where a run into a folder is kept: ``model`` has ``model.checkpoint``."""
    return Path(f"{Path(out)}.checkpoint")


def teaching_path(out: str | Path) -> Path:
    """Say where teachers and their answers are kept: ``model`` has ``model.teaching``."""
    return Path(f"{Path(out)}.teaching")


def is_complete(model: Path, kept: Path) -> bool:
    """Tell whether a model is what a kept training came to at its very end.

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
    """Refuse what stands where a run would be kept and can't be that.

    Args:
        kept: Where it is kept on its way.
        what: What it is, such as ``training``.
        folder: Whether it is kept in a folder, or in a file.

    Raises:
        BundleError: There is something of another kind.
    """
    kind = "folder" if folder else "file"
    if kept.exists() and not (kept.is_dir() if folder else kept.is_file()):
        raise BundleError(
            f"{kept} is no {kind}, and a {what} is kept in a {kind} of that name; move it away, or"
            " choose another --out"
        )


def check_resume(out: Path, kept: Path, what: str, *, resume: bool, overwrite: bool) -> None:
    """Refuse where nothing said what is to become of an interrupted run, or there is none.

    Args:
        out: What the run is to make.
        kept: Where it is kept on its way.
        what: What it is, such as ``training``.
        resume: Whether to go on with what is kept.
        overwrite: Whether to replace what is there.

    Raises:
        BundleError: A run is kept and nothing said what is to become of it; or none is kept and
            it should be resumed; or its result is there, too.
    """
    if resume and not kept.exists():
        raise BundleError(f"there is no {kept} to resume from; leave --resume out to begin")
    if kept.exists() and not resume and not overwrite:
        raise BundleError(
            f"a {what} into {out} was interrupted and left {kept}: go on with it by --resume, or"
            " begin anew with --overwrite"
        )
    if resume and not overwrite and os.path.lexists(out):
        raise BundleError(
            f"{out} is there, and {kept} beside it: if the {what} was stopped just after it had"
            f" written {out}, that is whole, and you can delete {kept}; if it was to replace"
            f" {out}, add --overwrite"
        )
