"""Resumable work: files that keep it, and the fingerprint of the run that each is of.

A fingerprint lets nobody resume another run, and a digest nobody a damaged file.
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
"""Digests of derived data: the tokenized texts, and the vectors found for their words."""
LAYOUT = 5
"""Layout version of files of resumable work; other versions are refused."""
REMEDY = "start over with --overwrite"
METADATA = "wordgate"
"""The key of the content in a file's metadata."""
_LONGEST_SHOWN = 40  # characters of a value; what is longer is a digest or a list
_LONGEST_LISTING = 1000

FactsT = TypeVar("FactsT", bound=BaseModel)


@dataclass(frozen=True)
class RunFingerprint:
    """The identity of a training, a fold of a comparison or a scoring, and its environment.

    Attributes:
        config: What decides the result: data, settings, seed. Another one is another run.
        environment: What moves the result a little: versions, threads, precision, device.
    """

    config: Mapping[str, str]
    environment: Mapping[str, str] = field(default_factory=dict)

    def facts(self) -> dict[str, dict[str, str]]:
        """Return all of it as plain JSON values, to be kept."""
        return {"config": dict(self.config), "environment": dict(self.environment)}

    def check(self, kept: Mapping[str, Any], what: str, place: object) -> list[str]:
        """Compare what is about to be done, such as a ``training``, with the `facts` of a place.

        Returns:
            Warnings: what differs between then and now and may move the result a little.

        Raises:
            BundleError: It is of another run.
        """
        other = _changed(self.config, kept.get("config"))
        if WORDS in other and other.keys() <= {WORDS, VECTORS}:
            raise BundleError(
                f"{place} contains a {what} with a different tokenization of the same texts, such"
                " as by other word vectors or another version of wordgate, Python or regex;"
                " continue with the same ones as before, or start over with --overwrite"
            )
        other.pop(WORDS, None)
        if other:
            raise BundleError(
                f"{place} contains a {what} with {_listed(other)}; give the same command as before,"
                " or start over with --overwrite"
            )
        if not (other := _changed(self.environment, kept.get("environment"))):
            return []
        return [
            f"The {what} was started with {_listed(other)}: its result may differ slightly from"
            " that of an uninterrupted one."
        ]


def as_it_is(path: Path) -> str:
    """Return a SHA-256 that another file, or another file in a folder, would change.

    Names, sizes and times tell that: what is read may be large.
    """
    files = sorted(path.rglob("*")) if path.is_dir() else [path]
    facts = [(str(file), file.stat()) for file in files if file.is_file()]
    listed = [[name, there.st_size, there.st_mtime_ns] for name, there in facts]
    return hashlib.sha256(json.dumps(listed).encode()).hexdigest()


def digest(content: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    """Hash all that a file keeps, metadata and arrays, but the digest itself."""
    facts = {name: value for name, value in content.items() if name != "digest"}
    summed = hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=32)
    for name, array in sorted(arrays.items()):
        summed.update(f"{name} {array.dtype} {array.shape}".encode())
        summed.update(np.ascontiguousarray(array).data)
    return summed.hexdigest()


def read_facts(form: type[FactsT], facts: object) -> FactsT:
    """See that kept facts have the names, types and ranges of a form.

    Raises:
        ValueError: They have not; the message names the first.
    """
    try:
        return form.model_validate_json(json.dumps(facts))
    except ValidationError as error:
        raise ValueError(first_fault(error)) from error


def first_fault(error: ValidationError) -> str:
    """Return place and kind of the first error: ``counts.rows: Input should be ...``."""
    fault = error.errors()[0]
    return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"


def _changed(now: Mapping[str, str], then: object) -> dict[str, str]:
    """List the differences by name: ``other data``, ``seed 0 instead of 1``."""
    known = dict(then) if isinstance(then, Mapping) else {}
    changed = {}
    for name in dict.fromkeys([*now, *known]):
        before, after = str(known.get(name, "unknown")), now.get(name, "unknown")
        if before == after:
            continue
        what = shown(name, _LONGEST_SHOWN)
        if max(len(before), len(after)) > _LONGEST_SHOWN:
            changed[name] = f"other {what}"
        else:
            changed[name] = f"{what} {shown(before, _LONGEST_SHOWN)} instead of {after}"
    return changed


def _listed(changed: Mapping[str, str]) -> str:
    return shown(", ".join(changed.values()), _LONGEST_LISTING)


def write_resumable(
    file: Path, content: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]
) -> None:
    """Write a file, whole or not at all, with its layout and a digest of all that it keeps.

    `content` is what JSON can say; the arrays are of float32 or float64.

    Raises:
        BundleError: The disk refuses; what stood there still does.
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
    """Read a file of `write_resumable`: its content and its arrays.

    Raises:
        BundleError: It can't be read, is of another layout, or is damaged: then with the remedy.
    """
    try:
        with safe_open(file, framework="numpy") as kept:
            arrays = {name: kept.get_tensor(name) for name in kept.keys()}  # noqa: SIM118
            content = _content(kept)
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
    """Read the content of a file without its arrays, and without checking any of it.

    Raises:
        OSError, SafetensorError, and those of `CORRUPT_FILE_ERRORS`: The file can't be read.
    """
    with safe_open(file, framework="numpy") as kept:
        return _content(kept)


def damaged(file: Path, why: object, remedy: str = REMEDY) -> BundleError:
    """Make the error that refuses a damaged file."""
    return BundleError(f"{file} is damaged ({shown(str(why), 200)}); {remedy}")


def _content(kept: Any) -> dict[str, Any]:
    metadata = kept.metadata() or {}
    if METADATA not in metadata:
        raise ValueError("it was not written by wordgate")
    content: dict[str, Any] = json.loads(metadata[METADATA])
    return content
