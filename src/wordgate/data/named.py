"""Named public data sets, and their files on Kaggle."""

from __future__ import annotations

import os
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from wordgate.errors import DataError, MissingExtraError, did_you_mean, near_miss
from wordgate.runtime.display import shown
from wordgate.runtime.progress import Progress, Silent
from wordgate.storage.files import user_folder
from wordgate.tables.source import is_file, missing_file

# Messages of HTTP clients can be very long; the beginning has the reason.
_REASON_WIDTH = 80


@dataclass(frozen=True, kw_only=True)
class KaggleFile:
    """A named public file."""

    name: str  # what the user writes in place of a file
    kaggle: str  # owner and name of the Kaggle data set
    file: str  # the file of that data set


@dataclass(frozen=True, kw_only=True)
class NamedSet(KaggleFile):
    """A named public data set."""

    header: bool  # whether its file has one
    roles: dict[str, str]  # the columns of the text, the label and the group


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


def unknown_name(name: str, path: Path, known: Collection[str], kind: str) -> DataError:
    """Return the error that a name is neither that of a file nor one of the known names."""
    message, hint = missing_file(path), near_miss(name, known)
    if path.suffix or len(path.parts) > 1 or ("did you mean" in message and not hint):
        return DataError(message)
    return DataError(f"no file or {kind} '{name}'{did_you_mean(name, known)}")


def fetch(
    wanted: KaggleFile, *, given_as: str, remark: str = "", progress: Progress | None = None
) -> Path:
    """Return the path of a named file: in the user's data folder, or from kagglehub and its cache.

    Args:
        wanted: The file.
        given_as: The option or argument by which its path could be given.
        remark: A message before the download.
        progress: Receives the message.

    Raises:
        MissingExtraError: It is not in the folder, and kagglehub is not installed.
        DataError: It is not in the folder, and Kaggle cannot be reached.
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
    # kagglehub raises errors of its HTTP client, login and cache, without a common class.
    try:
        downloaded = Path(kagglehub.dataset_download(wanted.kaggle, path=wanted.file))
    except Exception as error:
        reason = shown(f"{type(error).__name__}: {error}", _REASON_WIDTH)
        raise DataError(
            f"cannot fetch '{wanted.name}' ({reason}). Download the file {wanted.file} of the"
            f" Kaggle data set {wanted.kaggle} in a browser and put it at '{own}', or give its path"
            f" as {given_as}."
        ) from error
    return downloaded / wanted.file if downloaded.is_dir() else downloaded
