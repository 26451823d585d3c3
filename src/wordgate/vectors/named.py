"""Public word vectors by name, and where their files come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from wordgate.data.named import KaggleFile, fetch
from wordgate.errors import DataError, did_you_mean, near_miss
from wordgate.runtime.progress import Progress
from wordgate.tables.source import missing_file


@dataclass(frozen=True, kw_only=True)
class NamedVectors(KaggleFile):
    """Public word vectors that have a name of their own.

    Attributes:
        gigabytes: How large the file is, unpacked.
    """

    gigabytes: float

    def remark(self) -> str:
        """Say what fetching them means."""
        return (
            f"{self.name}: {self.gigabytes:g} GB come through kagglehub ({self.file} of the Kaggle"
            f" data set {self.kaggle}), unless its cache has them"
        )


NAMED_VECTORS = {
    named.name: named
    for named in (
        NamedVectors(  # 3 million words and phrases of news, 300 numbers each, case-sensitive
            name="googlenews",
            kaggle="leadbest/googlenewsvectorsnegative300",
            file="GoogleNews-vectors-negative300.bin",
            gigabytes=3.6,
        ),
        NamedVectors(  # 2.2 million words of web pages, 300 numbers each, case-sensitive
            name="glove",
            kaggle="takuok/glove840b300dtxt",
            file="glove.840B.300d.txt",
            gigabytes=5.6,
        ),
        NamedVectors(  # 1.2 million words of tweets, 100 numbers each, lower-cased
            name="glove-twitter",
            kaggle="bertcarremans/glovetwitter27b100dtxt",
            file="glove.twitter.27B.100d.txt",
            gigabytes=1.0,
        ),
        NamedVectors(  # 2 million words of web pages, 300 numbers each, case-sensitive
            name="fasttext",
            kaggle="yekenot/fasttext-crawl-300d-2m",
            file="crawl-300d-2M.vec",
            gigabytes=4.5,
        ),
    )
}


def locate_vectors(name_or_path: str | Path, progress: Progress | None = None) -> Path:
    """Turn what the user wrote into the path of a file of vectors; a file wins over a name.

    Args:
        name_or_path: A file, or one of `NAMED_VECTORS`.
        progress: Where to say how large a download is before it begins.

    Returns:
        The path of a file that is there; what it holds is not looked at.

    Raises:
        DataError: There is no such file and no such name, or Kaggle can't be reached.
        MissingExtraError: The file has to be fetched, and kagglehub isn't installed.
    """
    name = str(name_or_path)
    if not name.strip():
        names = ", ".join(NAMED_VECTORS)
        raise DataError(f"the name of the word vectors is empty: give a file or one of {names}")
    path = Path(name).expanduser()
    if _stands(path, Path.exists) and not _stands(path, Path.is_dir):
        return path
    if name in NAMED_VECTORS:
        named = NAMED_VECTORS[name]
        return fetch(named, given_as="--vectors", remark=named.remark(), progress=progress)
    raise DataError(_not_found(name, path))


def _not_found(name: str, path: Path) -> str:
    if _stands(path, Path.is_dir):
        return f"'{path}' is a folder; give the file of word vectors in it"
    missing = missing_file(path)
    hint = near_miss(name, list(NAMED_VECTORS))
    if path.suffix or len(path.parts) > 1 or ("did you mean" in missing and not hint):
        return missing
    return f"no file or word vectors '{name}'{hint or did_you_mean(name, NAMED_VECTORS)}"


def _stands(path: Path, kind: Callable[[Path], bool]) -> bool:
    """Tell whether a path is of a kind; one that no system can hold is of none."""
    try:
        return kind(path)
    except (OSError, ValueError):
        return False
