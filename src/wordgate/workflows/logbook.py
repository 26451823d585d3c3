"""What a family came to in one round, and keeping it against an interruption."""

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt
from safetensors import SafetensorError, safe_open

from wordgate.errors import BundleError, shown
from wordgate.progress import Progress
from wordgate.training.fitting import Epoch
from wordgate.training.identity import MISFITS, Identity, check_digest, read_facts
from wordgate.training.kept_file import METADATA, read_kept, write_kept
from wordgate.workflows.ladder import COMPARED

_ARRAY = "log_proba"
_ROUND = rf"[a-z]+-(?:{'|'.join(COMPARED)})-[1-9][0-9]*\.safetensors"
_FILE_NAME = re.compile(rf"{_ROUND}|\.{_ROUND}\.new")  # a kill leaves one of the latter
_Amount = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]


@dataclass(frozen=True)
class Course:
    """What a family came to in one round.

    Attributes:
        log_proba: float64 [n_test, classes], the model's own log-probabilities.
        temperature: What they are divided by; 1 leaves them as they are.
        history: The epochs; none for a family that has no epochs.
        best_epoch: The one that was kept, from 1; 0 without epochs.
        train_seconds: What fitting took.
        texts_per_second: Texts predicted a second, from strings.
        megabytes: The model's size, in 10^6 bytes.
        remarks: What a user should know about this run.
    """

    log_proba: NDArray[np.float64]
    temperature: float
    history: tuple[Epoch, ...]
    best_epoch: int
    train_seconds: float
    texts_per_second: float
    megabytes: float
    remarks: tuple[str, ...] = ()


class Logbook:
    """Keeps the courses that are run, so that an interrupted comparison goes on after them.

    Args:
        folder: Where they stand, a file each; it is made for the first one.
        progress: Where it is told what differs between then and now, once each.
    """

    def __init__(self, folder: Path, progress: Progress):
        self.folder = folder
        self._progress = progress
        self._told: set[str] = set()

    def keep(self, name: str, course: Course, identity: Identity) -> None:
        """Keep a course.

        Raises:
            BundleError: The disk refuses.
        """
        facts = {key: value for key, value in asdict(course).items() if key != _ARRAY}
        arrays = {_ARRAY: course.log_proba}
        content: dict[str, object] = {"identity": identity.facts(), "course": facts}
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            write_kept(self._file(name), content, arrays)
        except OSError as error:
            raise BundleError(
                f"{self._file(name)} could not be written: {error.strerror}"
            ) from error

    def kept(self, name: str, identity: Identity, shape: tuple[int, int]) -> Course | None:
        """Give a course that was run before; None if it was not, or not to its end.

        Args:
            name: The name it was kept under.
            identity: What is about to be run.
            shape: That of its log-probabilities: rows and classes.

        Raises:
            BundleError: It is of another comparison, or damaged.
        """
        file = self._file(name)
        if not file.exists():
            return None
        try:
            content, arrays = read_kept(file)
            check_digest(content, arrays)
            course = _course(arrays[_ARRAY], content["course"], shape)
            then = dict(content["identity"])
        except (OSError, SafetensorError, *MISFITS) as error:
            raise BundleError(
                f"{file} is damaged ({shown(str(error), 200)}); delete it, or begin anew with"
                " --overwrite"
            ) from error
        for warning in identity.check(then, "comparison", self.folder):
            if warning not in self._told:
                self._progress.say(warning)
            self._told.add(warning)
        return course

    def clear(self) -> None:
        """Take away all that is kept, and the folder if nothing else stands in it."""
        if not self.folder.is_dir():
            return
        for file in list(self.folder.iterdir()):
            if _is_own(file):
                file.unlink()
        if not any(self.folder.iterdir()):
            self.folder.rmdir()

    def _file(self, name: str) -> Path:
        return self.folder / f"{name}.safetensors"


def check_own(folder: Path) -> None:
    """Refuse a folder, where there is one, that holds anything but what a comparison keeps.

    Raises:
        BundleError: Something else is in it.
    """
    seen = folder.glob("[!.]*")  # what is hidden, a desktop or a network drive has left
    others = sorted(file.name for file in seen if not _is_own(file))
    if others:
        raise BundleError(
            f"{folder} holds '{others[0]}', which no comparison has written; move that away, or"
            " choose another --out"
        )


def _is_own(file: Path) -> bool:
    """Tell whether a `Logbook` wrote a file; one that can't be read is half written or damaged."""
    if file.is_symlink() or not file.is_file() or not _FILE_NAME.fullmatch(file.name):
        return False
    try:
        with safe_open(file, framework="np") as stored:
            return METADATA in (stored.metadata() or {})
    except (OSError, SafetensorError):
        return True


class _Facts(BaseModel):
    """A course without its log-probabilities, when it comes out of a file."""

    model_config = ConfigDict(strict=True, extra="forbid")

    temperature: Annotated[float, Field(ge=0.01, le=100.0)]
    history: tuple[Epoch, ...]
    best_epoch: NonNegativeInt
    train_seconds: _Amount
    texts_per_second: _Amount
    megabytes: _Amount
    remarks: tuple[str, ...]


def _course(log_proba: NDArray[np.float64], facts: object, shape: tuple[int, int]) -> Course:
    """Make a course again from what was kept of it.

    Raises:
        ValueError: It is not what `Logbook.keep` wrote.
    """
    if log_proba.dtype != np.float64 or log_proba.shape != shape:
        raise ValueError(f"{_ARRAY} is {log_proba.dtype} {list(log_proba.shape)}")
    if not np.isfinite(log_proba).all():
        raise ValueError(f"{_ARRAY} is not finite")
    kept = read_facts(_Facts, facts)
    if kept.best_epoch > len(kept.history):
        raise ValueError(f"of {len(kept.history)} epochs the best is {kept.best_epoch}")
    return Course(log_proba=log_proba, **dict(kept))
