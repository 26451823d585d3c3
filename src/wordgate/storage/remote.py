"""Files at URLs, such as ``s3://bucket/tweets.csv``: the one place that knows fsspec."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Any, BinaryIO
from urllib.parse import unquote

from wordgate.errors import ADDRESS, DataError, WordgateError, did_you_mean
from wordgate.runtime.display import shown
from wordgate.runtime.packages import require_extra

_SECRETS = re.compile(r"(?<=://)[^/@\s]*@|\?\S*")
_DRIVERS = {
    "s3": "s3fs",
    "s3a": "s3fs",
    "gs": "gcsfs",
    "gcs": "gcsfs",
    "az": "adlfs",
    "abfs": "adlfs",
    "abfss": "adlfs",
    "hf": "huggingface_hub",
    "http": "aiohttp",
    "https": "aiohttp",
}
_KNOWN = (*dict.fromkeys(_DRIVERS), "file")
_OBJECT_STORES = frozenset(_DRIVERS) - {"http", "https"}
"""Protocols in which a file appears only when its upload is complete, and folders are implicit."""
_VERSION_KEYS = re.compile("etag|md5|sha|digest|blob|modified|mtime|created|updated|generation")
_BLOCK = 1 << 22  # bytes that are fetched at a time
_REASON_WIDTH = 200


@dataclass(frozen=True)
class RemoteFile:
    """A file or a folder at a URL. What the other end refuses or doesn't tell is a `DataError`.

    Attributes:
        url: Its address, which may contain a password: `name` is for messages.
    """

    url: str

    def __truediv__(self, name: str) -> RemoteFile:
        """Return a file in this folder, by its relative name with slashes."""
        return RemoteFile(f"{self.url.rstrip('/')}/{name}")

    @property
    def name(self) -> str:
        """The address without a user, a password or a query."""
        return display_url(self.url)

    @property
    def _is_web(self) -> bool:
        return _scheme(self.url) in ("http", "https")

    def open(self, mode: str = "rb", *, ranges: bool = False) -> BinaryIO:
        """Open it to be read once, from its beginning on, fetching nothing but what is read.

        With `ranges` it can be read in any order, as Parquet is.
        """
        as_stream = not ranges and (self._is_web or _scheme(self.url) == "hf")
        with self._system("read") as (system, path):
            opened: BinaryIO = system.open(path, mode, block_size=0 if as_stream else _BLOCK)
            return opened

    def read_block(self, stream: BinaryIO, length: int) -> bytes:
        """Read the next bytes of what `open` gave."""
        with remote_errors(self.url, "read"):
            return stream.read(length)

    def exists(self) -> bool:
        """Return whether there is a file."""
        return self._info() is not None

    @property
    def size(self) -> int | None:
        """Its size in bytes; None where the other end doesn't tell."""
        info = self._info()
        if info is None:
            raise DataError(f"no file '{self.name}'")
        size = info.get("size")
        return None if size is None else int(size)

    def version(self) -> str | None:
        """Name its content by size and what the other end tells of its version; None if nothing."""
        info = self._info() or {}
        facts = {key: str(info[key]) for key in info if _VERSION_KEYS.search(key.lower())}
        size = info.get("size")
        return json.dumps({"size": size, **facts}, sort_keys=True) if facts else None

    def _info(self) -> dict[str, Any] | None:
        with self._system("read") as (system, path):
            try:
                system.invalidate_cache()
                info: dict[str, Any] = system.info(path)
            except FileNotFoundError as error:
                if self._is_web and not isinstance(error.__cause__, FileNotFoundError | NoneType):
                    raise error.__cause__ from error  # fsspec calls every failure so
                return None
        return None if info.get("type") == "directory" else info

    def is_folder(self) -> bool:
        """Return whether it is a folder, or the beginning of the names of several objects."""
        if self._is_web:
            return False  # it would be downloaded to look for links
        with self._system("read") as (system, path):
            return bool(system.isdir(path))

    def files(self) -> dict[str, int]:
        """List the files of a folder and of the folders in it: relative names, and sizes."""
        with self._system("list") as (system, path):
            system.invalidate_cache()
            with suppress(FileNotFoundError):
                return _sizes(path, system.find(path, detail=True))
        return {}

    def matches(self, pattern: str) -> dict[str, int]:
        """List the files of a folder whose relative names match a glob pattern, and their sizes."""
        with self._system("list") as (system, path):
            system.invalidate_cache()
            found = system.glob(f"{path.rstrip('/')}/{pattern}", detail=True)
            files = {name: info for name, info in found.items() if info.get("type") == "file"}
            return _sizes(path, files)

    def read(self) -> bytes | None:
        """Read a small file; None where there is none."""
        with self._system("read") as (system, path), suppress(FileNotFoundError):
            content: bytes = system.cat_file(path)
            return content
        return None

    def write(self, content: bytes) -> None:
        """Write a small file, whole or not at all."""
        with self._replacing() as (system, path):
            system.pipe_file(path, content)

    def check_writable(self) -> None:
        """Refuse an address that nothing can be written to, or that can't be opened."""
        if self._is_web:
            raise DataError(
                f"'{self.name}' is a web URL, which can only be read: give a path, or a URL such"
                " as s3://bucket/name"
            )
        _filesystem(self.url)

    def upload(self, file: Path) -> None:
        """Write what a local file contains, whole or not at all."""
        with self._replacing() as (system, path):
            system.put_file(str(file), path)

    def remove(self) -> None:
        """Remove it, if it is there."""
        with self._system("remove") as (system, path), suppress(FileNotFoundError):
            system.rm_file(path)

    @contextmanager
    def _system(self, verb: str) -> Iterator[tuple[Any, str]]:
        """Return the file system, and the path in it, to ``read`` or do what else the verb says."""
        with remote_errors(self.url, verb):
            yield _filesystem(self.url)

    @contextmanager
    def _replacing(self) -> Iterator[tuple[Any, str]]:
        """Return a path to write to; elsewhere than in object stores, move it to its place then."""
        with self._system("write") as (system, path):
            if _scheme(self.url) in _OBJECT_STORES:
                yield system, path
                return
            folder, _, name = path.rpartition("/")
            system.makedirs(folder or "/", exist_ok=True)
            aside = f"{folder}/.{name}.new"
            yield system, aside
            system.mv(aside, path)


def url_of(name: str | os.PathLike[str]) -> str | None:
    """Return the address that a name is, or None where it is the name of a local file.

    A path that was made of an address has lost a slash, which it gets back.
    """
    found = ADDRESS.fullmatch(str(name))
    if found is None or found["scheme"].lower() == "file":
        return None
    return f"{found['scheme']}://{found['rest'].lstrip('/')}"


def local_name(name: str | os.PathLike[str]) -> str:
    """Return the path that a name is: of ``file:///tmp/a.csv`` that of the file, else the name."""
    found = ADDRESS.fullmatch(str(name))
    if found is None or found["scheme"].lower() != "file":
        return str(name)
    rest = re.sub("^/?localhost/", "/", found["rest"])
    return unquote(f"/{rest.lstrip('/')}")


def display_url(url: str) -> str:
    """Return an address, or a text with some, without users, passwords and queries."""
    return _SECRETS.sub("", url)


def _scheme(url: str) -> str:
    return url.partition(":")[0].lower()


def _sizes(folder: str, found: dict[str, dict[str, Any]]) -> dict[str, int]:
    start = folder.rstrip("/") + "/"
    return {
        name.removeprefix(start).lstrip("/"): int(info.get("size") or 0)
        for name, info in sorted(found.items())
    }


def _filesystem(url: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path in it."""
    require_extra("files", f"opening '{display_url(url)}'")
    import fsspec

    scheme = _scheme(url)
    if scheme not in _DRIVERS and scheme not in fsspec.available_protocols():
        raise DataError(
            f"'{display_url(url)}' is a URL of an unknown scheme '{scheme}'"
            f"{did_you_mean(scheme, _KNOWN)}"
        )
    try:
        with remote_errors(url, "open"):
            system, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        package = _DRIVERS.get(scheme)
        needs = f"the package {package}: pip install {package}" if package else str(error)
        raise DataError(f"opening '{display_url(url)}' needs {needs}") from error
    return system, path


@contextmanager
def remote_errors(url: str, verb: str) -> Iterator[None]:
    """Report in one sentence, without secrets, why a remote file cannot be read or written.

    Any error is meant but that of a missing package: drivers raise those of their HTTP clients.
    """
    try:
        yield
    except (WordgateError, ImportError):
        raise
    except FileNotFoundError as error:
        raise DataError(f"no file '{display_url(url)}'") from error
    except Exception as error:
        reason = shown(display_url(f"{type(error).__name__}: {error}"), _REASON_WIDTH)
        raise DataError(f"cannot {verb} '{display_url(url)}': {reason}") from error
