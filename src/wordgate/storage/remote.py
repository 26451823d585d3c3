"""Files at URLs, such as ``s3://bucket/tweets.csv``, by fsspec."""

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
    **dict.fromkeys(("s3", "s3a"), "s3fs"),
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    **dict.fromkeys(("az", "abfs", "abfss"), "adlfs"),
    "hf": "huggingface_hub",
    **dict.fromkeys(("http", "https"), "aiohttp"),
}
_KNOWN = (*dict.fromkeys(_DRIVERS), "file")
_OBJECT_STORES = frozenset(_DRIVERS) - {"http", "https"}
"""Protocols in which a file exists only when its upload is complete, and folders are implicit."""
_VERSION_KEYS = re.compile("etag|md5|sha|digest|blob|modified|mtime|created|updated|generation")
_BLOCK = 1 << 22  # bytes that are fetched at a time
_REASON_WIDTH = 200


@dataclass(frozen=True)
class RemoteFile:
    """A file or a folder at a URL; errors of the server are a `DataError`.

    Attributes:
        url: The URL, which may contain a password: `name` is for messages.
    """

    url: str

    def __truediv__(self, name: str) -> RemoteFile:
        """Return the file of a relative name in this folder."""
        return RemoteFile(f"{self.url.rstrip('/')}/{name}")

    @property
    def name(self) -> str:
        """The URL without a user, a password or a query."""
        return display_url(self.url)

    @property
    def _is_web(self) -> bool:
        return _scheme(self.url) in ("http", "https")

    def open(self, mode: str = "rb", *, ranges: bool = False) -> BinaryIO:
        """Open the file for reading from its beginning, without downloading more than is read.

        With `ranges` it can be read in any order, as needed for Parquet.
        """
        as_stream = not ranges and (self._is_web or _scheme(self.url) == "hf")
        with self._system("read") as (system, path):
            stream: BinaryIO = system.open(path, mode, block_size=0 if as_stream else _BLOCK)
            return stream

    def read_block(self, stream: BinaryIO, length: int) -> bytes:
        """Read the next bytes of a stream that `open` returned."""
        with remote_errors(self.url, "read"):
            return stream.read(length)

    def exists(self) -> bool:
        """Return whether the file exists."""
        return self._info() is not None

    @property
    def size(self) -> int | None:
        """The size in bytes; None if the server does not state it."""
        info = self._info()
        if info is None:
            raise DataError(f"no file '{self.name}'")
        size = info.get("size")
        return None if size is None else int(size)

    def version(self) -> str | None:
        """Identify the content by its size and the version that the server states, None if none."""
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
                    raise error.__cause__ from error  # fsspec raises this for every HTTP error
                return None
        return None if info.get("type") == "directory" else info

    def is_folder(self) -> bool:
        """Return whether it is a folder, or the prefix of several objects."""
        if self._is_web:
            return False  # fsspec would download it to look for links
        with self._system("read") as (system, path):
            return bool(system.isdir(path))

    def files(self) -> dict[str, int]:
        """Return the sizes of all files below a folder, by their relative names."""
        with self._system("list") as (system, path):
            system.invalidate_cache()
            with suppress(FileNotFoundError):
                return _sizes(path, system.find(path, detail=True))
        return {}

    def matches(self, pattern: str) -> dict[str, int]:
        """Return the sizes of the files below a folder that match a glob pattern."""
        with self._system("list") as (system, path):
            system.invalidate_cache()
            entries = system.glob(f"{path.rstrip('/')}/{pattern}", detail=True)
            files = {name: info for name, info in entries.items() if info.get("type") == "file"}
            return _sizes(path, files)

    def read(self) -> bytes | None:
        """Return the content of a small file; None if it does not exist."""
        with self._system("read") as (system, path), suppress(FileNotFoundError):
            content: bytes = system.cat_file(path)
            return content
        return None

    def write(self, content: bytes) -> None:
        """Write a small file atomically."""
        with self._replacing() as (system, path):
            system.pipe_file(path, content)

    def check_writable(self) -> None:
        """Refuse a URL that cannot be written to or opened."""
        if self._is_web:
            raise DataError(
                f"'{self.name}' is a web URL, which can only be read: give a path, or a URL such"
                " as s3://bucket/name"
            )
        _filesystem(self.url)

    def upload(self, file: Path) -> None:
        """Upload a local file atomically."""
        with self._replacing() as (system, path):
            system.put_file(str(file), path)

    def remove(self) -> None:
        """Remove the file, if it exists."""
        with self._system("remove") as (system, path), suppress(FileNotFoundError):
            system.rm_file(path)

    @contextmanager
    def _system(self, verb: str) -> Iterator[tuple[Any, str]]:
        """Yield the file system and the path in it; errors have the verb, such as ``read``."""
        with remote_errors(self.url, verb):
            yield _filesystem(self.url)

    @contextmanager
    def _replacing(self) -> Iterator[tuple[Any, str]]:
        """Yield a path to write to, which is then renamed unless it is in an object store."""
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
    """Return a name as a URL; None if it is the name of a local file.

    A `Path` of a URL has lost a slash, which is restored.
    """
    match = ADDRESS.fullmatch(str(name))
    if match is None or match["scheme"].lower() == "file":
        return None
    return f"{match['scheme']}://{match['rest'].lstrip('/')}"


def local_name(name: str | os.PathLike[str]) -> str:
    """Return the path of a URL such as ``file:///tmp/a.csv``; any other name unchanged."""
    match = ADDRESS.fullmatch(str(name))
    if match is None or match["scheme"].lower() != "file":
        return str(name)
    rest = re.sub("^/?localhost/", "/", match["rest"])
    return unquote(f"/{rest.lstrip('/')}")


def display_url(url: str) -> str:
    """Return a URL, or a text with URLs, without users, passwords and queries."""
    return _SECRETS.sub("", url)


def _scheme(url: str) -> str:
    return url.partition(":")[0].lower()


def _sizes(folder: str, files: dict[str, dict[str, Any]]) -> dict[str, int]:
    start = folder.rstrip("/") + "/"
    return {
        name.removeprefix(start).lstrip("/"): int(info.get("size") or 0)
        for name, info in sorted(files.items())
    }


def _filesystem(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, and the path in it."""
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
    """Convert errors of a remote file to a `DataError` of one sentence, without secrets.

    All errors but those of missing packages are converted: drivers raise those of HTTP clients.
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
