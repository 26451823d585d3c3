"""Records of finished shards next to the outputs, and the manifest that lists all of them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any

from pydantic import TypeAdapter, ValidationError

from wordgate.errors import BundleError, no_folder_message
from wordgate.scoring.remote_output import staging_folder
from wordgate.scoring.results import ShardResult, totals
from wordgate.storage.places import (
    files_in,
    place_of,
    read_small,
    remove_file,
    shown_name,
    write_small,
)
from wordgate.storage.remote import RemoteFile
from wordgate.storage.resumable import RunFingerprint
from wordgate.tables.listing import MANIFEST, MANIFEST_START

VERSION = 1
"""Version of the layout of the manifest and of the records."""
_RECORDS = ".wordgate"
"""Folder in the output folder that contains the records until all shards are finished."""
_RUN, _FINISHED, _ENDING = "run.json", "finished", ".json"
_RECORD = TypeAdapter(ShardResult)


class OutputFolder:
    """The folder of the outputs of shards, with the records of those that are finished.

    Args:
        name: The folder: a path or a URL.

    Attributes:
        name: Its name for messages, without secrets.
        working: The local folder of unfinished outputs, inside the output folder if that is local.
    """

    def __init__(self, name: str):
        self._place = place_of(name)
        self.name = shown_name(self._place)
        if isinstance(self._place, RemoteFile):
            self.working = staging_folder(self._place.url)
        else:
            self.working = self._place.absolute() / _RECORDS / "partial"

    def check(self) -> None:
        """Raise a `BundleError` if the folder cannot be created or written."""
        if isinstance(self._place, RemoteFile):
            self._place.check_writable()
            return
        if self._place.exists() and not self._place.is_dir():
            raise BundleError(f"{self.name} is a file: name a folder for the results")
        if not self._place.absolute().parent.is_dir():
            raise BundleError(no_folder_message(self._place))

    def staged(self, name: str) -> Path:
        """Return the local file of an output until it is finished."""
        return self.working.joinpath(*name.split("/"))

    def output(self, name: str) -> Path | RemoteFile:
        """Return the place of an output."""
        return self._place / name

    def finished(self, name: str) -> ShardResult | None:
        """Read the record of a finished shard; None without one, or if it is damaged."""
        content = read_small(self._record(name))
        return None if content is None else _result(_object(content))

    def save(self, result: ShardResult) -> None:
        """Write the record of a finished shard, before its output is moved to its place."""
        write_small(self._record(result.name), _json(result.record()))

    def names(self) -> list[str]:
        """List the outputs that have a record."""
        records = files_in(self._place / f"{_RECORDS}/{_FINISHED}")
        # An incomplete record of a killed process has another ending.
        return [name.removesuffix(_ENDING) for name in records if name.endswith(_ENDING)]

    def run(self) -> dict[str, Any] | None:
        """Read the fingerprint of the run that was started here; None without one."""
        content = read_small(self._place / f"{_RECORDS}/{_RUN}")
        return None if content is None else _object(content)

    def existing(self, names: Iterable[str]) -> str | None:
        """Name one of these outputs that exists; None if none does."""
        existing = files_in(self._place).keys() & {*names}
        return None if not existing else shown_name(self.output(min(existing)))

    def begin(self, fingerprint: RunFingerprint) -> None:
        """Store the fingerprint of a run, and remove the manifest: the folder is incomplete.

        The fingerprint is written first, so that one of the two always exists.
        """
        write_small(self._place / f"{_RECORDS}/{_RUN}", _json(fingerprint.facts()))
        remove_file(self._place / MANIFEST)

    def manifest(self) -> dict[str, Any] | None:
        """Read the manifest; None without one.

        Raises:
            BundleError: It is damaged, or was written by another program or a newer version.
        """
        content = read_small(self._place / MANIFEST)
        if content is None:
            return None
        manifest = _object(content)
        if not content.startswith(MANIFEST_START) or not _is_manifest(manifest):
            raise BundleError(
                f"{self.name}/{MANIFEST} is damaged or was not written by wordgate: move it away"
            )
        if (version := manifest["wordgate_manifest"]) > VERSION:
            raise BundleError(
                f"{self.name}/{MANIFEST} is of version {version}, and this version of wordgate"
                f" reads {VERSION}: pip install --upgrade wordgate"
            )
        return manifest

    def listed(self) -> list[ShardResult]:
        """Return the shards of the manifest; none without one."""
        return list(filter(None, map(_result, (self.manifest() or {}).get("shards", ()))))

    def complete(
        self, fingerprint: RunFingerprint, results: Sequence[ShardResult], model: str
    ) -> None:
        """Write the manifest, then remove the records."""
        facts = fingerprint.facts()["config"]
        shards = [result for result in results if result.error is None]
        content = {
            "wordgate_manifest": VERSION,
            "wordgate": facts.get("wordgate", ""),
            "model": {"name": model, "sha256": facts["model"]},
            "run": facts,
            "totals": totals(shards),
            "shards": [shard.record() for shard in shards],
            "failed": [
                {"input": result.input, "error": result.error}
                for result in results
                if result.error is not None
            ],
        }
        write_small(self._place / MANIFEST, _json(content))
        self.forget(shard.name for shard in shards)

    def forget(self, names: Iterable[str]) -> None:
        """Remove the records of outputs, and the fingerprint of the run."""
        for name in names:
            remove_file(self._record(name))
        remove_file(self._place / f"{_RECORDS}/{_RUN}")

    def remove_working(self) -> None:
        """Remove the local folder of unfinished outputs."""
        shutil.rmtree(self.working, ignore_errors=True)
        if isinstance(self._place, Path):
            shutil.rmtree(self._place / _RECORDS, ignore_errors=True)

    def _record(self, name: str) -> Path | RemoteFile:
        return self._place / f"{_RECORDS}/{_FINISHED}/{name}{_ENDING}"


def _result(record: Mapping[str, Any]) -> ShardResult | None:
    facts = {"name" if key == "output" else key: value for key, value in record.items()}
    try:
        return replace(_RECORD.validate_python(facts), was_complete=True)
    except ValidationError:
        return None


def _is_manifest(content: Mapping[str, Any]) -> bool:
    shards, run = content.get("shards"), content.get("run")
    if not isinstance(content.get("wordgate_manifest"), int) or not isinstance(run, dict):
        return False
    return isinstance(shards, list) and all(map(_is_record, shards))


def _is_record(shard: object) -> bool:
    """Return whether a record names an output inside the folder, as it may be removed."""
    name = shard.get("output") if isinstance(shard, dict) else None
    if not isinstance(name, str):
        return False
    return not os.path.isabs(name) and ".." not in PurePath(name).parts


def _object(content: bytes) -> dict[str, Any]:
    """Parse a JSON object; an empty one if it is not one."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _json(content: object) -> bytes:
    """Serialize as JSON; file names that are not valid Unicode are escaped."""
    text = json.dumps(content, ensure_ascii=False, indent=1)
    return text.encode(errors="backslashreplace") + b"\n"
