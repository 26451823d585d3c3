"""The checkpoint: a training's state in a file, from which it can be taken up again.

One safetensors file, written whole or not at all. Its arrays are the state's; what JSON can say
stands in its metadata: the state's facts, what the training is of, what it ran on, and a digest of
it all, so that a byte that changed on the disk is noticed.
"""

import hashlib
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from wordgate.data.reading import shown
from wordgate.errors import BundleError
from wordgate.files import replacing
from wordgate.training.state import State

_LAYOUT = 2
_METADATA = "wordgate"
# What JSON, numpy and a state raise over values of the wrong type or shape.
_MISFITS = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
# A checkpoint that took t seconds to write is followed by the next after fifty times t: a cost of
# 2 %, whatever the model's size and the disk's speed. Small ones come every two seconds.
_SHARE = 50.0
_SOONEST = 2.0


@dataclass(frozen=True)
class Identity:
    """What a training is, and what it runs on.

    Attributes:
        work: What decides the result: data, settings, seed. Another one is another training.
        engine: What moves the result a little: versions, threads, precision, device.
    """

    work: Mapping[str, str]
    engine: Mapping[str, str]


class Checkpoint:
    """A file that a training is kept in every few seconds."""

    def __init__(self, file: Path, identity: Identity):
        self.file = file
        self.identity = identity
        self._due = time.monotonic() + _SOONEST

    def is_due(self) -> bool:
        """Tell whether it is time to save again."""
        return time.monotonic() >= self._due

    def save(self, state: State) -> None:
        """Keep a state in the file.

        Raises:
            BundleError: The disk refuses; the checkpoint before stays whole.
        """
        started = time.monotonic()
        arrays = state.arrays()
        content = {
            "layout": _LAYOUT,
            "work": dict(self.identity.work),
            "engine": dict(self.identity.engine),
            "state": state.facts(),
        }
        content["digest"] = digest(content, arrays)
        try:
            with replacing(self.file) as aside:
                save_file(arrays, aside, {_METADATA: json.dumps(content)})
        except (OSError, SafetensorError) as error:
            why = error.strerror if isinstance(error, OSError) else error
            raise BundleError(
                f"the checkpoint could not be written to {self.file}: {why}"
            ) from error
        ended = time.monotonic()
        self._due = ended + max(_SOONEST, _SHARE * (ended - started))

    def restore(self, state: State) -> list[str]:
        """Bring a state to where the file has it.

        Returns:
            Warnings: what differs between then and now and may move the result a little.

        Raises:
            BundleError: The file can't be read, or keeps another training.
        """
        try:
            with safe_open(self.file, framework="numpy") as kept:
                content = json.loads((kept.metadata() or {})[_METADATA])
                arrays = {name: kept.get_tensor(name) for name in kept.keys()}  # noqa: SIM118
            layout = content["layout"]
        except OSError as error:
            raise BundleError(f"{self.file} can't be read: {error.strerror or error}") from error
        except (SafetensorError, *_MISFITS) as error:
            raise self._damaged(error) from error
        if layout != _LAYOUT:
            raise BundleError(
                f"{self.file} is a checkpoint of layout {layout!r:.80}, and this wordgate reads"
                f" {_LAYOUT}; begin anew with --overwrite"
            )
        try:
            if content["digest"] != digest(content, arrays):
                raise ValueError("its digest is another: a byte of it has changed")
            self._refuse_other_work(content)
            state.restore(arrays, content["state"])
        except _MISFITS as error:
            raise self._damaged(error) from error
        return self._differences(content)

    def _damaged(self, error: Exception) -> BundleError:
        return BundleError(
            f"{self.file} is damaged or no checkpoint ({shown(str(error), 200)}); begin anew with"
            " --overwrite"
        )

    def _refuse_other_work(self, content: Mapping[str, Any]) -> None:
        other = _changed(self.identity.work, content.get("work"))
        if other:
            raise BundleError(
                f"{self.file} keeps a training with {_listing(other)}; give the same command as"
                " then, or begin anew with --overwrite"
            )

    def _differences(self, content: Mapping[str, Any]) -> list[str]:
        other = _changed(self.identity.engine, content.get("engine"))
        if not other:
            return []
        return [
            f"The training was begun with {_listing(other)}:"
            " its result may differ a little from an uninterrupted one's."
        ]


def digest(content: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    """Hash all that a checkpoint holds, but the digest itself.

    Args:
        content: What stands in its metadata.
        arrays: Its arrays.
    """
    facts = {name: value for name, value in content.items() if name != "digest"}
    summed = hashlib.blake2b(json.dumps(facts, sort_keys=True).encode(), digest_size=32)
    for name, array in sorted(arrays.items()):
        summed.update(f"{name} {array.dtype} {array.shape}".encode())
        summed.update(np.ascontiguousarray(array).data)
    return summed.hexdigest()


def _changed(now: Mapping[str, str], then: object) -> dict[str, tuple[str, str]]:
    """Name what differs, with what it was then and is now."""
    known = then if isinstance(then, Mapping) else {}
    pairs = {name: (str(known.get(name, "unknown")), value) for name, value in now.items()}
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _listing(changed: Mapping[str, tuple[str, str]]) -> str:
    """Say it in a line: ``other data, seed 0 instead of 1``."""
    return ", ".join(
        f"other {name}" if len(then) > 40 else f"{name} {shown(then, 40)} instead of {now}"
        for name, (then, now) in changed.items()
    )
