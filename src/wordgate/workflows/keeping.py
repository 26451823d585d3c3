"""Where an interrupted training is kept, and what is to become of one that was."""

from pathlib import Path

from wordgate.errors import BundleError, SettingsError
from wordgate.training.fitting import Keeping


def check_keeping(
    out: str | Path | None, family: str, *, resume: bool, overwrite: bool
) -> Keeping | None:
    """Say where a training is kept, and refuse to pass over one that was interrupted.

    The checkpoint stands beside the model to be: ``model`` has ``model.checkpoint``.

    Args:
        out: Where the model is to be written; None for memory alone, which keeps nothing.
        family: The family of the model; only an LSTM's training is kept on its way.
        resume: Whether to go on with the training that is kept.
        overwrite: Whether to begin anew; what is kept stays until something newer is.

    Raises:
        SettingsError: There is nothing that could ever be resumed.
        BundleError: A training is kept and nothing said what is to become of it; or none is kept
            and it should be resumed.
    """
    if resume and family != "lstm":
        raise SettingsError(
            f"--resume has no effect: a {family} model is fitted in one piece, and only an LSTM's"
            " training is kept on its way"
        )
    if resume and out is None:
        raise SettingsError("to resume a training, say by `out` which one")
    if out is None or family != "lstm":
        return None
    file = Path(f"{Path(out)}.checkpoint")
    if resume and not file.exists():
        raise BundleError(f"there is no {file} to resume from; leave --resume out to begin")
    if file.exists() and not resume and not overwrite:
        raise BundleError(
            f"a training into {out} was interrupted and left {file}: go on with it by --resume, or"
            " begin anew with --overwrite"
        )
    return Keeping(file, resume)
