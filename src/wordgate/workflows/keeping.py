"""Where an interrupted training is kept, and what is to become of one that was."""

from pathlib import Path

from wordgate.errors import BundleError, SettingsError
from wordgate.training.fitting import Keeping


def checkpoint_of(out: str | Path) -> Path:
    """Name the checkpoint of a training into a folder: ``model`` has ``model.checkpoint``."""
    return Path(f"{Path(out)}.checkpoint")


def check_keeping(
    out: str | Path | None, family: str, *, resume: bool, overwrite: bool
) -> Keeping | None:
    """Say where a training is kept, and refuse to pass over one that was interrupted.

    Args:
        out: Where the model is to be written; None for memory alone, which keeps nothing.
        family: The family of the model; word counts are fitted in one piece and never kept.
        resume: Whether to go on with the training that is kept.
        overwrite: Whether to begin anew, whatever is kept.

    Raises:
        SettingsError: There is nothing that could ever be resumed.
        BundleError: A training is kept and nothing said what is to become of it; or none is kept
            and it should be resumed.
    """
    if resume and family == "count":
        raise SettingsError("--resume has no effect: word counts are fitted in one piece")
    if resume and out is None:
        raise SettingsError("to resume a training, say by `out` which one")
    if out is None or family == "count":
        return None
    file = checkpoint_of(out)
    if resume and not file.exists():
        raise BundleError(f"there is no {file} to resume from; leave --resume out to begin")
    if file.exists() and not resume:
        if not overwrite:
            raise BundleError(
                f"a training into {out} was interrupted and left {file}: go on with it by"
                " --resume, or begin anew with --overwrite"
            )
        file.unlink()
    return Keeping(file, resume)
