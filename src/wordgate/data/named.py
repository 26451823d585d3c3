"""Public data sets that have a name here, and the files of Kaggle that hold them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from wordgate.errors import DataError, MissingExtraError
from wordgate.runtime.display import shown
from wordgate.runtime.progress import Progress, Silent
from wordgate.storage.files import user_folder
from wordgate.tables.source import is_file

# An HTTP client's message can fill a screen; its beginning names the trouble.
_REASON_WIDTH = 80


@dataclass(frozen=True, kw_only=True)
class KaggleFile:
    """A public file that has a name of its own."""

    name: str  # what the user writes in place of a file
    kaggle: str  # owner and name of the Kaggle data set that holds it
    file: str  # the file of that data set


@dataclass(frozen=True, kw_only=True)
class NamedSet(KaggleFile):
    """A public data set that has a name of its own."""

    header: bool  # whether its file has one
    roles: dict[str, str]  # the columns that are the text, the label and the group


NAMED_SETS = {
    named.name: named
    for named in (
        NamedSet(
            name="twitter-entity-sentiment",
            kaggle="jp797498e/twitter-entity-sentiment-analysis",
            file="twitter_training.csv",
            header=False,
            roles={"text": "4", "label": "3", "group": "1"},
        ),
    )
}


def fetch(
    wanted: KaggleFile, *, given_as: str, remark: str = "", progress: Progress | None = None
) -> Path:
    """Find a file that has a name: where the user put it, else through kagglehub and its cache.

    Args:
        wanted: The file.
        given_as: What the command line calls the place where its path could be given.
        remark: What to say before kagglehub is asked.
        progress: Where to say it.

    Raises:
        MissingExtraError: It isn't there, and kagglehub isn't installed.
        DataError: It isn't there, and Kaggle can't be reached.
    """
    home = os.environ.get("WORDGATE_DATA_HOME") or user_folder("data")
    own = Path(home) / wanted.name / wanted.file
    for place in (own, own.with_name(f"{wanted.file}.gz")):
        if is_file(place):
            return place
    try:
        import kagglehub
    except ImportError as error:
        raise MissingExtraError(
            f"fetching '{wanted.name}' (the file {wanted.file} of the Kaggle data set"
            f" {wanted.kaggle}; it can also be put at '{own}', or its path given as {given_as})",
            "kaggle",
        ) from error
    if remark:
        (progress or Silent()).say(remark)
    # kagglehub raises what its HTTP client, its login and its cache raise: there is no one class.
    try:
        found = Path(kagglehub.dataset_download(wanted.kaggle, path=wanted.file))
    except Exception as error:
        reason = shown(f"{type(error).__name__}: {error}", _REASON_WIDTH)
        raise DataError(
            f"cannot fetch '{wanted.name}' ({reason}). Download the file {wanted.file} of the"
            f" Kaggle data set {wanted.kaggle} in a browser and put it at '{own}', or give its path"
            f" as {given_as}."
        ) from error
    return found / wanted.file if found.is_dir() else found
