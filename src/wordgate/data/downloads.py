"""Files of Kaggle that have a name here: where they are looked for, how they are fetched."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from wordgate.errors import DataError, MissingExtraError
from wordgate.runtime.display import shown
from wordgate.runtime.progress import Progress, Silent
from wordgate.tables.source import is_file

DATA_HOME_VARIABLE = "WORDGATE_DATA_HOME"
# An HTTP client's message can fill a screen; its beginning names the trouble.
_REASON_WIDTH = 80


@dataclass(frozen=True, kw_only=True)
class KaggleFile:
    """A public file that has a name of its own.

    Attributes:
        name: What the user writes in place of a file.
        kaggle: Owner and name of the Kaggle data set that holds it.
        file: The file of that data set.
    """

    name: str
    kaggle: str
    file: str


def data_home() -> Path:
    """The folder where a user can put files that have names."""
    home = os.environ.get(DATA_HOME_VARIABLE)
    return Path(home) if home else Path(platformdirs.user_data_dir("wordgate"))


def fetch(
    wanted: KaggleFile, *, given_as: str, remark: str = "", progress: Progress | None = None
) -> Path:
    """Find a file that has a name: where the user put it, else through kagglehub.

    Args:
        wanted: The file.
        given_as: What the command line calls the place where its path could be given.
        remark: What to say before kagglehub is asked.
        progress: Where to say it.

    Returns:
        Its path; kagglehub keeps it in its own cache.

    Raises:
        MissingExtraError: It isn't there, and kagglehub isn't installed.
        DataError: It isn't there, and Kaggle can't be reached.
    """
    for place in _places(wanted):
        if is_file(place):
            return place
    try:
        import kagglehub
    except ImportError as error:
        raise _missing_extra(wanted, given_as) from error
    if remark:
        (progress or Silent()).say(remark)
    # kagglehub raises what its HTTP client, its login and its cache raise: there is no one class.
    try:
        found = Path(kagglehub.dataset_download(wanted.kaggle, path=wanted.file))
    except Exception as error:
        reason = shown(f"{type(error).__name__}: {error}", _REASON_WIDTH)
        by_hand = _by_hand(wanted, given_as)
        raise DataError(f"can't fetch '{wanted.name}' ({reason}). {by_hand}") from error
    return found / wanted.file if found.is_dir() else found


def _places(wanted: KaggleFile) -> list[Path]:
    folder = data_home() / wanted.name
    return [folder / wanted.file, folder / f"{wanted.file}.gz"]


def _by_hand(wanted: KaggleFile, given_as: str) -> str:
    return (
        f"Download the file {wanted.file} of the Kaggle data set {wanted.kaggle} in a browser and "
        f"put it at '{_places(wanted)[0]}', or give its path as {given_as}."
    )


def _missing_extra(wanted: KaggleFile, given_as: str) -> MissingExtraError:
    return MissingExtraError(
        f"fetching '{wanted.name}' (the file {wanted.file} of the Kaggle data set {wanted.kaggle}; "
        f"it can also be put at '{_places(wanted)[0]}', or its path given as {given_as})",
        "kaggle",
    )
