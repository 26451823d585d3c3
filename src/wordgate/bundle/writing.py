"""Writing a bundle: whole, or not at all."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors.numpy import save as dump_arrays

from wordgate.bundle.card import model_card
from wordgate.bundle.config import Config
from wordgate.bundle.folder import MANIFEST, BundleFolder
from wordgate.bundle.metrics import Metrics
from wordgate.dedup.fingerprints import Fingerprints
from wordgate.errors import BundleError
from wordgate.models.base import Model
from wordgate.storage.files import check_folder, write_folder


@dataclass(frozen=True)
class Bundle:
    """A model with all that is known of it.

    Attributes:
        config: How it came about.
        model: The fitted model.
        metrics: Its scores; None until evaluated.
        fingerprints: Hashes of what it was trained on.
        audit: What was found in its data, without any text of it; None if nobody looked.
        report: The web page of its scores; None until evaluated.
    """

    config: Config
    model: Model
    metrics: Metrics | None
    fingerprints: Fingerprints
    audit: Mapping[str, object] | None = None
    report: str | None = None


def check_destination(path: str | Path, *, overwrite: bool) -> None:
    """Refuse before the training what `write_bundle` would refuse after it.

    Raises:
        BundleError: There is something at `path` that may not be replaced, or nothing can be
            written there.
    """
    check_folder(Path(path), "model", overwrite=overwrite, check_replaceable=_check_replaceable)


def write_bundle(bundle: Bundle, path: str | Path, *, overwrite: bool = False) -> None:
    """Write a bundle beside its place, force it to the disk, and only then move it there.

    Args:
        bundle: What to write.
        path: The folder to make.
        overwrite: Replace a bundle that is there.

    Raises:
        BundleError: There is something at `path` that may not be replaced, or the disk refuses.
    """
    check_destination(path, overwrite=overwrite)
    write_folder(Path(path), "model", _contents(bundle))


def _check_replaceable(path: Path) -> None:
    """Refuse to replace what is no bundle, or holds anything besides one."""
    if path.is_dir() and not any(path.iterdir()):
        return
    try:
        own = {MANIFEST, *BundleFolder.open(path).files}
    except BundleError as error:
        raise BundleError(
            f"{path} exists and is not a wordgate model, so it won't be replaced"
        ) from error
    others = sorted({entry.name for entry in path.iterdir()} - own)
    if others:
        raise BundleError(
            f"{path} holds '{others[0]}' besides a wordgate model, so it won't be replaced"
        )


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
    if bundle.report is not None:
        contents["report.html"] = bundle.report.encode(errors="replace")
    files = {
        name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in sorted(contents.items())
    }
    return {**contents, MANIFEST: _dump({"files": files})}


def _dump(content: object) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()
