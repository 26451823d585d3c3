"""A file that keeps unfinished work: arrays, and in its metadata what JSON can say and a digest."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from numpy.typing import NDArray
from safetensors import safe_open

from wordgate.storage.files import atomic_write
from wordgate.storage.tensors import write_arrays
from wordgate.training.identity import digest

METADATA = "wordgate"
"""What the content is called in the metadata."""


def write_kept(file: Path, content: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write a file, whole or not at all, with a digest of all that it keeps.

    Args:
        file: The file; one that is there is replaced.
        content: What JSON can say.
        arrays: The arrays by their names, float32 or float64.

    Raises:
        OSError: The disk refuses; what stood there still does.
    """
    facts = {**content, "digest": digest(content, arrays)}
    with atomic_write(file) as aside:
        write_arrays(aside, arrays, {METADATA: json.dumps(facts)})


def read_kept(file: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Give the content of a file, its digest included, and its arrays; `check_digest` checks them.

    Raises:
        OSError, SafetensorError, and those of `MISFITS`: The file can't be read, or is none.
    """
    with safe_open(file, framework="numpy") as kept:
        arrays = {name: kept.get_tensor(name) for name in kept.keys()}  # noqa: SIM118
        return _content(kept), arrays


def read_content(file: Path) -> dict[str, Any]:
    """Give the content of a file without its arrays; errors are those of `read_kept`."""
    with safe_open(file, framework="numpy") as kept:
        return _content(kept)


def _content(kept: Any) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((kept.metadata() or {})[METADATA])
    return content
