"""Files of resumable work, with the fingerprint of their run.

The fingerprint prevents resuming another run, a digest prevents resuming from a damaged file.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ValidationError
from safetensors import SafetensorError, safe_open

from wordgate.errors import BundleError
from wordgate.runtime.display import shown
from wordgate.storage.files import atomic_write, system_errors
from wordgate.storage.tensors import write_arrays

CORRUPT_FILE_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)
"""Errors that stored values of the wrong type or shape raise."""
WORDS, VECTORS = "words", "word vectors"
"""Digests of derived data: the tokenized texts, and the vectors of their words."""
LAYOUT = 5
"""Layout version of files of resumable work; other versions are refused."""
REMEDY = "start over with --overwrite"
METADATA = "wordgate"
"""The key of the content in a file's metadata."""
_LONGEST_SHOWN = 40  # characters of a value; longer ones are digests or lists
_LONGEST_LISTING = 1000

FactsT = TypeVar("FactsT", bound=BaseModel)


@dataclass(frozen=True)
class RunFingerprint:
    """The configuration of a training, a fold or a scoring, and its environment.

    Attributes:
        config: What determines the result: data, settings, seed.
        environment: What changes the result slightly: versions, threads, precision, device.
    """

    config: Mapping[str, str]
    environment: Mapping[str, str] = field(default_factory=dict)

    def facts(self) -> dict[str, dict[str, str]]:
        """Return the fingerprint as JSON values."""
        return {"config": dict(self.config), "environment": dict(self.environment)}

    def check(self, saved: Mapping[str, Any], what: str, place: object) -> list[str]:
        """Compare the fingerprint with the saved `facts` of a file or folder.

        Args:
            saved: The facts.
            what: What was saved, such as a ``training``, for messages.
            place: The file or folder, for messages.

        Returns:
            Warnings of differences between the environments.

        Raises:
            BundleError: The configurations differ.
        """
        changed = _changed(self.config, saved.get("config"))
        if WORDS in changed and changed.keys() <= {WORDS, VECTORS}:
            raise BundleError(
                f"{place} contains a {what} with a different tokenization of the same texts, such"
                " as by other word vectors or another version of wordgate, Python or regex;"
                " continue with the same ones as before, or start over with --overwrite"
            )
        changed.pop(WORDS, None)
        if changed:
            raise BundleError(
                f"{place} contains a {what} with {_listed(changed)}; give the same command as"
                " before, or start over with --overwrite"
            )
        if not (changed := _changed(self.environment, saved.get("environment"))):
            return []
        return [
            f"The {what} was started with {_listed(changed)}: its result may differ slightly from"
            " that of an uninterrupted one."
        ]


def as_it_is(path: Path) -> str:
    """Return a SHA-256 of the names, sizes and times of a file, or of all files of a folder.

    Their content is not read: it may be large.
    """
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    facts = [(str(file), file.stat()) for file in files if file.is_file()]
    listed = [[name, stat.st_size, stat.st_mtime_ns] for name, stat in facts]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


def digest(content: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    """Hash the content and the arrays of a file, without the digest itself."""
    facts = {name: value for name, value in content.items() if name != "digest"}
    hashed = hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=32)
    for name, array in sorted(arrays.items()):
        hashed.update(f"{name} {array.dtype} {array.shape}".encode())
        hashed.update(np.ascontiguousarray(array).data)
    return hashed.hexdigest()


def read_facts(form: type[FactsT], facts: object) -> FactsT:
    """Validate saved facts by a pydantic model.

    Raises:
        ValueError: They are not valid; the message has the first error.
    """
    try:
        return form.model_validate_json(json.dumps(facts))
    except ValidationError as error:
        raise ValueError(first_fault(error)) from error


def first_fault(error: ValidationError) -> str:
    """Return the field and the message of the first error: ``counts.rows: Input should be ...``."""
    fault = error.errors()[0]
    return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"


def _changed(now: Mapping[str, str], then: object) -> dict[str, str]:
    """Describe the differences by name: ``other data``, ``seed 0 instead of 1``."""
    previous = dict(then) if isinstance(then, Mapping) else {}
    changed = {}
    for name in dict.fromkeys([*now, *previous]):
        before, after = str(previous.get(name, "unknown")), now.get(name, "unknown")
        if before == after:
            continue
        label = shown(name, _LONGEST_SHOWN)
        if max(len(before), len(after)) > _LONGEST_SHOWN:
            changed[name] = f"other {label}"
        else:
            changed[name] = f"{label} {shown(before, _LONGEST_SHOWN)} instead of {after}"
    return changed


def _listed(changed: Mapping[str, str]) -> str:
    return shown(", ".join(changed.values()), _LONGEST_LISTING)


def write_resumable(
    file: Path, content: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> None:
    """Write a file atomically, with its layout version and a digest of its content.

    `content` are JSON values; the arrays are float32 or float64.

    Raises:
        BundleError: It cannot be written; then a previous file is unchanged.
    """
    facts = {"layout": LAYOUT, **content}
    facts["digest"] = digest(facts, arrays)
    with system_errors(BundleError, f"{file} could not be written"):
        file.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(file) as aside:
            write_arrays(aside, arrays, {METADATA: json.dumps(facts)})


def read_resumable(
    file: Path, *, remedy: str = REMEDY
) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Read the content and the arrays of a file of `write_resumable`.

    Raises:
        BundleError: It cannot be read, or is damaged or in another layout; then with the remedy.
    """
    try:
        with safe_open(file, framework="numpy") as opened:
            arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
            content = _content(opened)
        layout = content.get("layout")
        if layout == LAYOUT and content["digest"] != digest(content, arrays):
            raise ValueError("its digest differs: at least one byte has changed")
    except OSError as error:
        raise BundleError(f"{file} cannot be read: {error.strerror or error}") from error
    except (SafetensorError, *CORRUPT_FILE_ERRORS) as error:
        raise damaged(file, error, remedy) from error
    if layout != LAYOUT:
        raise BundleError(
            f"{file} has layout {layout!r:.80}, and this version of wordgate reads {LAYOUT};"
            f" {remedy}"
        )
    return content, arrays


def read_resumable_facts(file: Path) -> dict[str, Any]:
    """Read the content of a file without its arrays and without checks.

    Raises:
        OSError, SafetensorError, and those of `CORRUPT_FILE_ERRORS`: The file cannot be read.
    """
    with safe_open(file, framework="numpy") as opened:
        return _content(opened)


def damaged(file: Path, why: object, remedy: str = REMEDY) -> BundleError:
    """Return the error for a damaged file."""
    return BundleError(f"{file} is damaged ({shown(str(why), 200)}); {remedy}")


def _content(opened: Any) -> dict[str, Any]:
    metadata = opened.metadata() or {}
    if METADATA not in metadata:
        raise ValueError("it was not written by wordgate")
    content: dict[str, Any] = json.loads(metadata[METADATA])
    return content
