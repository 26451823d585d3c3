"""Cache of lookups of vocabularies in files of word vectors."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from wordgate.errors import DataError
from wordgate.storage.files import atomic_write, own_files, user_folder
from wordgate.storage.tensors import write_arrays
from wordgate.vectors.lookup import RULES, LookupResult

CACHE_HOME_VARIABLE = "WORDGATE_CACHE_HOME"
LARGEST_CACHE = 2_000_000_000
"""Maximum bytes of the cache; the least recently used files are deleted first."""

_LAYOUT = 1  # increase it with every change of the format or of the spellings
_DIGEST = "sha256"
_FILE = own_files(r"[0-9a-f]{64}\.safetensors")


def cache_folder() -> Path:
    """Return the folder of cached lookups, whose files may be deleted at any time."""
    home = os.environ.get(CACHE_HOME_VARIABLE)
    return (Path(home) if home else user_folder("cache")) / "vectors"


def cache_key(file: Path, words: Sequence[str], spelling: str) -> str:
    """Return a hash of all that determines a result: state of the file, words and rules."""
    stat = file.stat()
    state = [str(file.resolve()), stat.st_size, stat.st_mtime_ns]
    state += [stat.st_ctime_ns, stat.st_ino]  # which differ for a copy
    content = json.dumps([_LAYOUT, *state, spelling, *RULES, list(words)])
    return hashlib.sha256(content.encode()).hexdigest()


def read_cache(key: str) -> LookupResult | None:
    """Read a cached result; None if there is none, or it is damaged."""
    try:
        file = cache_folder() / f"{key}.safetensors"
        with safe_open(file, framework="np") as stored:
            metadata = stored.metadata() or {}
            known, rules = stored.get_tensor("vectors"), stored.get_tensor("rules")
    # AttributeError and TypeError: it has types that numpy lacks.
    except (DataError, OSError, SafetensorError, AttributeError, TypeError):
        return None
    if (
        metadata.get(_DIGEST) != _digest(known, rules)  # which can be correct for other arrays
        or (known.dtype.name, known.ndim) != ("float32", 2)
        or (rules.dtype.name, rules.ndim) != ("int8", 1)
        or len(known) != np.count_nonzero(rules >= 0)
    ):
        return None
    with suppress(OSError):  # of another user, perhaps
        os.utime(file)
    vectors = np.zeros((len(rules), known.shape[1]), np.float32)
    vectors[rules >= 0] = known
    return LookupResult(vectors, rules)


def write_cache(key: str, result: LookupResult) -> Path:
    """Cache a result, delete the least recently used ones if needed, and return the folder."""
    folder = cache_folder()
    folder.mkdir(parents=True, exist_ok=True)
    known, rules = result.vectors[result.known], result.rules
    with atomic_write(folder / f"{key}.safetensors") as aside:
        arrays: dict[str, NDArray[Any]] = {"vectors": known, "rules": rules}
        write_arrays(aside, arrays, {_DIGEST: _digest(known, rules)})
    _shrink(folder)
    return folder


def _digest(known: NDArray[np.float32], rules: NDArray[np.int8]) -> str:
    content = hashlib.sha256(f"{known.dtype}{known.shape}{rules.dtype}{rules.shape}".encode())
    content.update(np.ascontiguousarray(known).data)
    content.update(rules.data)
    return content.hexdigest()


def _shrink(folder: Path) -> None:
    files = []
    for file in folder.iterdir():
        if _FILE.fullmatch(file.name) is None:
            continue
        with suppress(FileNotFoundError):  # another process may delete files, too
            stat = file.stat()
            files.append((stat.st_mtime_ns, stat.st_size, file))
    total = 0
    for _, size, file in sorted(files, reverse=True):
        total += size
        if total > LARGEST_CACHE:
            file.unlink(missing_ok=True)
