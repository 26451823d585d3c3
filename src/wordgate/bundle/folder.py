"""A bundle: written atomically, and verified when it is read.

The files of the folder:

=========================  ==============================================  =====================
file                       content                                         if it was changed
=========================  ==============================================  =====================
config.json                labels, settings, seed, data, environment       refused
model.json                 tokenizer, vocabulary and other JSON values     refused
weights.safetensors        the arrays                                      refused
fingerprints.safetensors   hashes of the training texts and groups         refused in evaluation
metrics.json               scores (absent until evaluated)                 warned of
audit.json                 duplicates in its data, and leakage of splits   warned of
report.html                the report, with test texts unless left out    warned of
search.html                the trials of a search, if there was one        warned of
README.md                  the model card                                  warned of
manifest.json              SHA-256 and size of each file above             the others mismatch
=========================  ==============================================  =====================

No file can contain code: nothing is unpickled or executed, and no link out of the folder is
followed. The hashes detect damage, not attacks, because an attacker can also write the manifest. So
the values in the files are validated as well.
"""

import hashlib
import json
import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as dump_arrays

from wordgate.bundle.config import SCHEMA_VERSION, Config
from wordgate.bundle.metrics import AnyMetrics, read_metrics
from wordgate.bundle.summary import model_card
from wordgate.dedup.fingerprints import Fingerprints
from wordgate.errors import BundleError, WordgateError, address_message
from wordgate.models.base import Model, model_from_state
from wordgate.runtime.display import shown
from wordgate.runtime.threads import choose_threads
from wordgate.storage.files import check_folder, expand_home, system_errors, write_folder
from wordgate.storage.resumable import first_fault
from wordgate.tables.encoding import without_surrogates

MANIFEST = "manifest.json"
READ_BY_PREDICTION = ("config.json", "model.json", "weights.safetensors")
_SHOWN = 400  # maximum characters of a value in a message
# Larger than any trained weight; products of a few such values still fit into a float32.
_LARGEST_WEIGHT = 10**8
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
# Errors of numpy, torch, safetensors and the models for values of the wrong type or shape.
_MISFITS = (
    *(ArithmeticError, AttributeError, LookupError, MemoryError, RuntimeError),
    *(TypeError, ValueError, WordgateError),
)


@dataclass(frozen=True)
class BundleFolder:
    """A bundle on disk whose manifest has been read; its files are verified when they are read.

    A file that is missing, truncated, altered, damaged or of a newer version is a `BundleError`.
    """

    path: Path
    files: Mapping[str, Mapping[str, Any]]

    @classmethod
    def open(cls, path: str | Path) -> "BundleFolder":
        """Read the manifest."""
        name, path = path, expand_home(path)
        if not os.path.exists(path):  # also accepts a path too long for the system
            missing = f"there is no model at {shown(str(path), 200)}"
            raise BundleError(address_message(name) or missing)
        if not path.is_dir():
            raise BundleError(f"{path} is not a wordgate model: a model is a folder")
        manifest = path / MANIFEST
        if not manifest.is_file():
            raise BundleError(f"{path} is not a wordgate model: it has no {MANIFEST}")
        if _leads_out(manifest):
            raise BundleError(f"{manifest} is a link to a file outside the model folder")
        content = _json(_bytes(manifest), manifest)
        files = content.get("files") if isinstance(content, dict) else None
        if not isinstance(files, dict) or not all(map(_is_entry, files.items())):
            raise BundleError(f"{manifest} is damaged: it does not list the model's files")
        return cls(path, files)

    def sha256(self) -> str:
        """Hash the model, by the hashes of its files."""
        return hashlib.sha256(json.dumps(self.files, sort_keys=True).encode()).hexdigest()

    def config(self) -> Config:
        """Read the configuration of the model."""
        file = self.path / "config.json"
        content = self._read_json("config.json")
        version = content.get("schema_version") if isinstance(content, dict) else None
        if type(version) is not int:
            raise BundleError(f"{file} is damaged: it has no schema_version")
        if version > SCHEMA_VERSION:
            raise BundleError(
                f"{self.path} was written by a newer version of wordgate: its layout is version"
                f" {version}, this one reads {SCHEMA_VERSION}; pip install --upgrade wordgate"
            )
        if 0 < version < SCHEMA_VERSION:
            raise BundleError(
                f"{self.path} was written by an older version of wordgate: its layout is version"
                f" {version}, this one reads {SCHEMA_VERSION}; train the model again"
            )
        try:
            return Config.model_validate(content)
        except ValidationError as error:
            raise BundleError(f"{file} is damaged: {shown(first_fault(error), _SHOWN)}") from error

    def model(self, config: Config, *, threads: int | None = None) -> Model:
        """Load the model, and check that it predicts a probability for each label.

        `threads` is the number of threads for prediction, as for `choose_threads`.
        """
        choose_threads(threads)  # outside of the `try`: its error is not one of the model
        description, arrays = self._read_json("model.json"), self._weights()
        try:
            model = model_from_state(config.family, description, arrays).with_threads(threads)
            with np.errstate(all="ignore"):
                output = model.log_proba(["a text"])
        except BundleError as error:
            raise BundleError(f"{self.path}: {shown(str(error), _SHOWN)}") from error
        except _MISFITS as error:
            raise BundleError(
                f"{self.path}: the parts of the model are inconsistent"
                f" ({shown(str(error), _SHOWN)})"
            ) from error
        if bool(description.get("multilabel")) != config.multilabel:
            ways = ("assigns one label to a text", "assigns any number of labels to a text")
            raise BundleError(
                f"{self.path}: the model {ways[not config.multilabel]}, and config.json says that"
                f" it {ways[config.multilabel]}; copy or train the model again"
            )
        if output.shape != (1, len(config.labels)) or np.isnan(output).any():
            raise BundleError(
                f"{self.path}: the model outputs {np.isfinite(output).sum()} probabilities, but"
                f" config.json lists {len(config.labels)} labels"
            )
        return model

    def metrics(self) -> AnyMetrics | None:
        """Read the model's scores; None if it was never evaluated."""
        if "metrics.json" not in self.files:
            return None
        try:
            return read_metrics(self._read_json("metrics.json"))
        except ValidationError as error:
            fault = shown(first_fault(error), _SHOWN)
            raise BundleError(f"{self.path / 'metrics.json'} is damaged: {fault}") from error

    def fingerprints(self) -> Fingerprints:
        """Read the fingerprints of the training texts."""
        name = "fingerprints.safetensors"
        arrays = self._arrays(name)
        try:
            return Fingerprints.from_arrays(arrays)
        except BundleError as error:
            raise BundleError(f"{self.path / name} is damaged: {error}") from error

    def changed_files(self) -> list[str]:
        """Return the changed or missing files that prediction does not read."""
        others = sorted(set(self.files) - set(READ_BY_PREDICTION))
        return [name for name in others if self._look_at(name)[1]]

    def size(self) -> int:
        """Return the total size of the files, in bytes."""
        return sum(entry["bytes"] for entry in self.files.values())

    def read(self, name: str) -> bytes:
        """Read a file; raise a `BundleError` if it differs from the one that was written."""
        content, fault = self._look_at(name)
        if fault:
            raise BundleError(f"{self.path / name} {fault}; copy or train the model again")
        return content

    def _read_json(self, name: str) -> Any:
        return _json(self.read(name), self.path / name)

    def _look_at(self, name: str) -> tuple[bytes, str]:
        """Read a file; return its content, and its fault or an empty string."""
        if name not in self.files:
            return b"", f"is not listed in {MANIFEST}"
        if _leads_out(self.path / name):
            return b"", "is a link to a file outside the model folder"
        size, expected = _size(self.path / name), self.files[name]["bytes"]
        if size is None:
            return b"", "is missing"
        if size < expected:
            return b"", f"is truncated: {size:,} of {expected:,} bytes"
        if size > expected:
            return b"", f"was altered: it has {size:,} bytes instead of {expected:,}"
        content = _bytes(self.path / name)
        if hashlib.sha256(content).hexdigest() != self.files[name]["sha256"]:
            return b"", f"was altered: its SHA-256 is not the one in {MANIFEST}"
        return content, ""

    def _weights(self) -> dict[str, NDArray[Any]]:
        arrays = self._arrays("weights.safetensors")
        for name, array in arrays.items():
            if not (np.abs(array) <= _LARGEST_WEIGHT).all():
                raise BundleError(
                    f"{self.path / 'weights.safetensors'} is damaged: '{shown(name, 80)}' contains"
                    f" values that are not finite or beyond {_LARGEST_WEIGHT:,}"
                )
        return arrays

    def _arrays(self, name: str) -> dict[str, NDArray[Any]]:
        content = self.read(name)
        try:
            return load_arrays(content)
        except (SafetensorError, *_MISFITS) as error:
            why = shown(str(error), _SHOWN)
            raise BundleError(f"{self.path / name} is damaged: {why}") from error


@dataclass(frozen=True)
class Bundle:
    """The content of a model folder.

    Attributes:
        config: The configuration.
        model: The fitted model.
        metrics: Its scores; None until evaluated.
        fingerprints: Fingerprints of its training rows.
        audit: The audit of its data, without texts; None without one.
        report: The web page with its scores; None until evaluated.
        search: The web page of the search that selected it; None without one.
    """

    config: Config
    model: Model
    metrics: AnyMetrics | None
    fingerprints: Fingerprints
    audit: Mapping[str, object] | None = None
    report: str | None = None
    search: str | None = None


def check_destination(path: str | Path, *, overwrite: bool) -> None:
    """Check before training that a bundle can be written.

    Raises:
        BundleError: An existing file or folder at `path` may not be replaced, or `path` cannot be
            written.
    """
    path = expand_home(path)
    check_folder(path, "model", overwrite=overwrite, check_replaceable=_check_replaceable)


def write_bundle(bundle: Bundle, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a bundle to a temporary folder, sync it to disk, and move it to its place.

    Raises:
        BundleError: An existing file or folder at `path` may not be replaced, or writing failed.
    """
    check_destination(path, overwrite=overwrite)
    write_folder(expand_home(path), "model", _contents(bundle))


def _leads_out(file: Path) -> bool:
    if not file.is_symlink():
        return False
    return os.path.dirname(os.path.realpath(file)) != os.path.realpath(file.parent)


def _size(file: Path) -> int | None:
    """Return the size of a regular file in bytes; None if it is not one."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None


def _json(content: bytes, file: Path) -> Any:
    try:
        value = json.loads(content)
        # Lone surrogates could not be written to any output.
        if b"\\ud" in content or b"\\uD" in content:
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{file} is damaged: it is not JSON ({error})") from error


def _bytes(file: Path) -> bytes:
    try:
        with system_errors(BundleError, f"{file} cannot be read"):
            return file.read_bytes()
    except MemoryError as error:
        raise BundleError(f"{file} needs more memory than is available") from error


def _is_entry(entry: tuple[str, object]) -> bool:
    """Return whether an entry of a manifest has the name, size and hash of a file."""
    name, facts = entry
    return (
        _FILE_NAME.fullmatch(name) is not None
        and isinstance(facts, dict)
        and type(facts.get("bytes")) is int
        and isinstance(facts.get("sha256"), str)
    )


def _check_replaceable(path: Path) -> None:
    """Raise a `BundleError` unless a folder is empty, or contains a bundle and nothing else."""
    if path.is_dir() and not any(path.iterdir()):
        return
    try:
        own = {MANIFEST, *BundleFolder.open(path).files}
    except BundleError as error:
        raise BundleError(
            f"{path} exists and is not a wordgate model, so it will not be replaced"
        ) from error
    others = sorted({entry.name for entry in path.iterdir()} - own)
    if others:
        raise BundleError(
            f"{path} contains '{others[0]}' in addition to a wordgate model, so it will not be"
            " replaced"
        )


def _contents(bundle: Bundle) -> dict[str, bytes]:
    description, arrays = bundle.model.state()
    contents = {
        "config.json": _dump(bundle.config.model_dump(mode="json")),
        "model.json": _dump(description),
        "weights.safetensors": dump_arrays(dict(arrays)),
        "fingerprints.safetensors": dump_arrays(bundle.fingerprints.arrays()),
        "README.md": without_surrogates(model_card(bundle.config, bundle.metrics)).encode(),
    }
    if bundle.metrics is not None:
        contents["metrics.json"] = _dump(bundle.metrics.model_dump(mode="json"))
    if bundle.audit is not None:
        contents["audit.json"] = _dump(bundle.audit)
    if bundle.report is not None:
        contents["report.html"] = without_surrogates(bundle.report).encode()
    if bundle.search is not None:
        contents["search.html"] = without_surrogates(bundle.search).encode()
    files = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in sorted(contents.items())
    }
    return {**contents, MANIFEST: _dump({"files": files})}


def _dump(content: object) -> bytes:
    return without_surrogates(json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()
