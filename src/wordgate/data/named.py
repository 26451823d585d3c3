"""Named data sets: what they are, where they are looked for, how they are fetched."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

import platformdirs

from wordgate.data.reading import shown
from wordgate.data.source import is_file
from wordgate.errors import DataError, MissingExtraError

DATA_HOME_VARIABLE = "WORDGATE_DATA_HOME"
# An HTTP client's message can fill a screen; its beginning names the trouble.
_REASON_WIDTH = 80


@dataclass(frozen=True)
class NamedSet:
    """A public data set that has a name of its own.

    Attributes:
        name: What the user writes in place of a file.
        kaggle: Owner and name of its page on Kaggle.
        file: The file of that page which is read.
        header: Whether the file has one.
        roles: The columns that are the text, the label and the group.
    """

    name: str
    kaggle: str
    file: str
    header: bool
    roles: dict[str, str] = field(default_factory=dict)


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


def data_home() -> Path:
    """The folder where a user can put the files of named data sets."""
    home = os.environ.get(DATA_HOME_VARIABLE)
    return Path(home) if home else Path(platformdirs.user_data_dir("wordgate"))


def fetch(named: NamedSet) -> Path:
    """Find the file of a named data set: where the user put it, else through kagglehub.

    Args:
        named: The data set.

    Returns:
        The path of its file; kagglehub keeps it in its own cache.

    Raises:
        MissingExtraError: It isn't there, and kagglehub isn't installed.
        DataError: It isn't there, and Kaggle can't be reached.
    """
    for place in _places(named):
        if is_file(place):
            return place
    try:
        import kagglehub
    except ImportError as error:
        raise _missing_extra(named) from error
    # kagglehub raises what its HTTP client, its login and its cache raise: there is no one class.
    try:
        found = Path(kagglehub.dataset_download(named.kaggle, path=named.file))
    except Exception as error:
        reason = shown(f"{type(error).__name__}: {error}", _REASON_WIDTH)
        raise DataError(f"can't fetch '{named.name}' ({reason}). {_by_hand(named)}") from error
    return found / named.file if found.is_dir() else found


def _places(named: NamedSet) -> list[Path]:
    folder = data_home() / named.name
    return [folder / named.file, folder / f"{named.file}.gz"]


def _by_hand(named: NamedSet) -> str:
    return (
        f"Download the file {named.file} of the Kaggle data set {named.kaggle} in a browser and "
        f"put it at '{_places(named)[0]}', or give its path as DATA."
    )


def _missing_extra(named: NamedSet) -> MissingExtraError:
    return MissingExtraError(
        f"fetching '{named.name}' (the file {named.file} of the Kaggle data set {named.kaggle}; "
        f"it can also be put at '{_places(named)[0]}', or its path given as DATA)",
        "kaggle",
    )
