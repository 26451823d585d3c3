"""Writing a bundle whole or not at all, and reading it back with every byte checked.

The folder, as data:

=========================  ==============================================  =====================
file                       holds                                           if it was changed
=========================  ==============================================  =====================
config.json                labels, settings, seed, data, environment       refused
model.json                 tokenizer, vocabulary, what JSON can say        refused
weights.safetensors        the arrays                                      refused
fingerprints.safetensors   hashes of the training texts and groups         refused when judging
metrics.json               what it is worth (absent until judged)          warned of
audit.json                 copies in its data, and what splits would leak  warned of
README.md                  the model card                                  warned of
manifest.json              SHA-256 and size of each file above             the others don't fit
=========================  ==============================================  =====================

No file can carry code: nothing here is ever unpickled or run.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load as load_arrays
from safetensors.numpy import save as dump_arrays

from wordgate.bundle.card import model_card
from wordgate.bundle.config import SCHEMA_VERSION, Config
from wordgate.bundle.metrics import Metrics
from wordgate.errors import BundleError
from wordgate.models.families import model_from_state
from wordgate.models.protocol import Model
from wordgate.split.fingerprints import Fingerprints

MANIFEST = "manifest.json"
READ_BY_PREDICTION = ("config.json", "model.json", "weights.safetensors")


@dataclass(frozen=True)
class Bundle:
    """A model with all that is known of it.

    Attributes:
        config: How it came about.
        model: The fitted model.
        metrics: What it is worth; None until judged.
        fingerprints: Hashes of what it was trained on.
        audit: What was found in its data, without any text of it; None if nobody looked.
    """

    config: Config
    model: Model
    metrics: Metrics | None
    fingerprints: Fingerprints
    audit: Mapping[str, object] | None = None


def check_destination(path: str | Path, *, overwrite: bool) -> None:
    """Refuse early what `write_bundle` would refuse after the training.

    Raises:
        BundleError: There is something at `path` that may not be replaced.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise BundleError(f"there is no folder {path.parent} to write the model {path.name} into")
    if not os.access(path.parent, os.W_OK):
        raise BundleError(f"the folder {path.parent} can't be written to")
    if not path.exists():
        return
    if not overwrite:
        raise BundleError(f"{path} exists; choose another --out, or replace it with --overwrite")
    if not (path / MANIFEST).is_file() and (not path.is_dir() or any(path.iterdir())):
        raise BundleError(f"{path} exists and is not a wordgate model, so it won't be replaced")


def write_bundle(bundle: Bundle, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a bundle beside its place, force it to the disk, and only then move it there.

    Args:
        bundle: What to write.
        path: The folder to make.
        overwrite: Replace a bundle that is there.

    Raises:
        BundleError: There is something at `path` that may not be replaced, or the disk refuses.
    """
    path = Path(path)
    check_destination(path, overwrite=overwrite)
    try:
        _write_and_move(_contents(bundle), path)
    except OSError as error:
        raise BundleError(f"the model could not be written to {path}: {error}") from error


@dataclass(frozen=True)
class BundleFolder:
    """A bundle on the disk whose manifest has been read; its parts are checked as they are read."""

    path: Path
    files: Mapping[str, Mapping[str, Any]]

    @classmethod
    def open(cls, path: str | Path) -> "BundleFolder":
        """Read the manifest.

        Raises:
            BundleError: There is no bundle, or its manifest is damaged.
        """
        path = Path(path)
        if not path.exists():
            raise BundleError(f"there is no model at {path}")
        manifest = path / MANIFEST
        if not manifest.is_file():
            raise BundleError(f"{path} is not a wordgate model: it has no {MANIFEST}")
        content = _json(_bytes(manifest), manifest)
        files = content.get("files") if isinstance(content, dict) else None
        if not isinstance(files, dict) or not all(_is_entry(entry) for entry in files.values()):
            raise BundleError(f"{manifest} is damaged: it does not list the model's files")
        return cls(path, files)

    def config(self) -> Config:
        """Read how the model came about.

        Raises:
            BundleError: The file is damaged, or a newer wordgate wrote it.
        """
        content = _json(self.read("config.json"), self.path / "config.json")
        version = content.get("schema_version") if isinstance(content, dict) else None
        if isinstance(version, int) and version > SCHEMA_VERSION:
            raise BundleError(
                f"{self.path} was written by a newer wordgate: its layout is version {version},"
                f" this one reads up to {SCHEMA_VERSION}; pip install --upgrade wordgate"
            )
        try:
            return Config.model_validate(content)
        except ValidationError as error:
            raise BundleError(f"{self.path / 'config.json'} is damaged: {error}") from error

    def model(self, config: Config) -> Model:
        """Read the model.

        Raises:
            BundleError: A file is damaged, or the parts don't fit together.
        """
        description = _json(self.read("model.json"), self.path / "model.json")
        try:
            return model_from_state(config.family, description, self._arrays("weights.safetensors"))
        except BundleError as error:
            raise BundleError(f"{self.path}: {error}") from error

    def metrics(self) -> Metrics | None:
        """Read what the model is worth; None if it was never judged.

        Raises:
            BundleError: The file is damaged.
        """
        if "metrics.json" not in self.files:
            return None
        file = self.path / "metrics.json"
        try:
            return Metrics.model_validate(_json(_bytes(file), file))
        except ValidationError as error:
            raise BundleError(f"{file} is damaged: {error}") from error

    def fingerprints(self) -> Fingerprints:
        """Read the hashes of what the model was trained on.

        Raises:
            BundleError: The file is damaged.
        """
        return Fingerprints.from_arrays(self._arrays("fingerprints.safetensors"))

    def changed_files(self) -> list[str]:
        """Name the files that prediction doesn't read and that were changed or lost since."""
        others = sorted(set(self.files) - set(READ_BY_PREDICTION))
        return [name for name in others if self._fault(name) is not None]

    def size(self) -> int:
        """Add up the sizes of the files, in bytes."""
        return sum(entry["bytes"] for entry in self.files.values())

    def read(self, name: str) -> bytes:
        """Read a file, and refuse it if it is not the one that was written.

        Raises:
            BundleError: The file is missing, truncated or altered.
        """
        fault = self._fault(name)
        if fault is not None:
            raise BundleError(f"{self.path / name} {fault}; copy or train the model again")
        return _bytes(self.path / name)

    def _fault(self, name: str) -> str | None:
        if name not in self.files:
            return f"is not listed in {MANIFEST}"
        file = self.path / name
        if not file.is_file():
            return "is missing"
        size, expected = file.stat().st_size, self.files[name]["bytes"]
        if size < expected:
            return f"is truncated: {size:,} of {expected:,} bytes"
        if _sha256(_bytes(file)) != self.files[name]["sha256"]:
            return f"was altered: its SHA-256 is not the one in {MANIFEST}"
        return None

    def _arrays(self, name: str) -> dict[str, Any]:
        try:
            return load_arrays(self.read(name))
        except SafetensorError as error:
            raise BundleError(f"{self.path / name} is damaged: {error}") from error


def _contents(bundle: Bundle) -> dict[str, bytes]:
    description, arrays = bundle.model.state()
    contents = {
        "config.json": _dump(bundle.config.model_dump(mode="json")),
        "model.json": _dump(description),
        "weights.safetensors": dump_arrays(dict(arrays)),
        "fingerprints.safetensors": dump_arrays(bundle.fingerprints.arrays()),
        "README.md": model_card(bundle.config, bundle.metrics).encode(),
    }
    if bundle.metrics is not None:
        contents["metrics.json"] = _dump(bundle.metrics.model_dump(mode="json"))
    if bundle.audit is not None:
        contents["audit.json"] = _dump(bundle.audit)
    files = {
        name: {"bytes": len(content), "sha256": _sha256(content)}
        for name, content in sorted(contents.items())
    }
    return {**contents, MANIFEST: _dump({"files": files})}


def _write_and_move(contents: Mapping[str, bytes], path: Path) -> None:
    workplace = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    try:
        fresh = workplace / "new"
        fresh.mkdir()
        for name, content in contents.items():
            _write_through(fresh / name, content)
        _sync_folder(fresh)
        if path.exists():
            path.rename(workplace / "old")
        fresh.rename(path)
        _sync_folder(path.parent)
    finally:
        if (workplace / "old").exists() and not path.exists():
            (workplace / "old").rename(path)
        shutil.rmtree(workplace)


def _write_through(file: Path, content: bytes) -> None:
    with file.open("xb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())


def _sync_folder(folder: Path) -> None:
    """Force the names in a folder to the disk, where the system knows how (not on Windows)."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _dump(content: object) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()


def _json(content: bytes, file: Path) -> Any:
    try:
        return json.loads(content)
    except ValueError as error:
        raise BundleError(f"{file} is damaged: it is not JSON ({error})") from error


def _bytes(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise BundleError(f"{file} can't be read: {error.strerror}") from error


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _is_entry(entry: object) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("bytes"), int)
        and isinstance(entry.get("sha256"), str)
    )
