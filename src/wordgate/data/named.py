"""Named data sets: what they are, and where their files come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from wordgate.data import downloads
from wordgate.data.downloads import KaggleFile


@dataclass(frozen=True, kw_only=True)
class NamedSet(KaggleFile):
    """A public data set that has a name of its own.

    Attributes:
        header: Whether its file has one.
        roles: The columns that are the text, the label and the group.
    """

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
    return downloads.fetch(named, given_as="DATA")
