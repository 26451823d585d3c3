"""From a path to bytes: missing files, folders, gzip, and files that hold no text."""

from __future__ import annotations

import gzip
import io
import zlib
from dataclasses import dataclass
from pathlib import Path

from wordgate.errors import DataError, did_you_mean

GZIP_MAGIC = b"\x1f\x8b"
PARQUET_MAGIC = b"PAR1"

UNPACKED_AT_LEAST = 2**26
"""Bytes that any file may unpack to, however small."""
SWELLING = 200
"""How much larger than packed a larger file may be; texts are 3 to 20 times."""

# The first bytes of what people hand over by mistake, and what to do about it.
_FOREIGN = [
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "unpack it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save the sheet as CSV"),
    (b"\x80\x02", "a pickle, which could run code", "write the table as CSV or Parquet"),
    (b"\x80\x03", "a pickle, which could run code", "write the table as CSV or Parquet"),
    (b"\x80\x04", "a pickle, which could run code", "write the table as CSV or Parquet"),
    (b"\x80\x05", "a pickle, which could run code", "write the table as CSV or Parquet"),
    (b"BZh", "compressed with bzip2", "unpack it, or use gzip"),
    (b"\xfd7zXZ\x00", "compressed with xz", "unpack it, or use gzip"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "unpack it, or use gzip"),
    (b"SQLite format 3\x00", "an SQLite database", "export the table as CSV"),
    (b"ARROW1", "an Arrow (Feather) file", "write the table as Parquet"),
    (b"\x89HDF", "an HDF5 file", "write the table as CSV or Parquet"),
    (b"\x93NUMPY", "a numpy array", "write the table as CSV or Parquet"),
    (b"%PDF", "a PDF document", "copy its table to a CSV file"),
    (b"\x89PNG", "a picture", "give a table of texts"),
    (b"\xff\xd8\xff", "a picture", "give a table of texts"),
]


@dataclass(frozen=True)
class FileBytes:
    """A file's contents, unpacked.

    Attributes:
        name: The path as the user gave it.
        raw: The bytes, after gzip.
        compressed: True where they came out of gzip.
        suffix: The lower-case extension without ``.gz``: ``".csv"``, or ``""``.
    """

    name: str
    raw: bytes
    compressed: bool
    suffix: str


def is_file(path: Path) -> bool:
    """Tell whether something stands at a path; a path no system can hold is simply absent."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def read_file(path: Path) -> FileBytes:
    """Read a file whole and unpack gzip, which is known by its content.

    Args:
        path: Where it lies.

    Returns:
        Its bytes.

    Raises:
        DataError: Missing, a folder, unreadable, a damaged gzip, or of a foreign format.
    """
    check_readable(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise DataError(f"can't read '{path}': {error.strerror or error}") from error
    compressed = raw.startswith(GZIP_MAGIC)
    if compressed:
        raw = _unpacked(raw, path)
    refuse_foreign(raw, str(path))
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    return FileBytes(str(path), raw, compressed, suffixes[-1] if suffixes else "")


def check_readable(path: Path) -> None:
    """Refuse what is no file.

    Raises:
        DataError: Missing, or a folder.
    """
    if not is_file(path):
        raise DataError(missing_file(path))
    if path.is_dir():
        raise DataError(f"'{path}' is a folder; give one file of it{_some_files(path)}")


def missing_file(path: Path) -> str:
    """Say that a file is missing, with the file of that folder that was probably meant.

    Args:
        path: What the user asked for.

    Returns:
        The message.
    """
    message = f"no file '{path}'"
    folder = path.parent
    if not is_file(folder):
        return f"{message}: there is no folder '{folder}'"
    return message + near_miss(path.name, _files(folder))


def near_miss(name: str, options: list[str]) -> str:
    """End a message with the nearest option, or with nothing where none is near."""
    hint = did_you_mean(name, options)
    return hint if hint.startswith("; did you mean") else ""


def refuse_foreign(raw: bytes, name: str) -> None:
    """Refuse what is known by its first bytes to be no table of texts.

    Args:
        raw: The file's bytes.
        name: The file, for the message.

    Raises:
        DataError: With what the file is and what to do.
    """
    for magic, what, remedy in _FOREIGN:
        if raw.startswith(magic):
            raise DataError(f"'{name}' is {what}: {remedy}")


def most_unpacked(packed: int) -> int:
    """Say how many bytes so many may unpack to."""
    return max(UNPACKED_AT_LEAST, SWELLING * packed)


def check_unpacked(unpacked: int, packed: int, name: str) -> None:
    """Refuse bytes that unpack to far more than a table's do.

    Args:
        unpacked: Bytes that were unpacked.
        packed: Bytes that they were unpacked from.
        name: The file, for the message.

    Raises:
        DataError: With what to do.
    """
    if unpacked > (most := most_unpacked(packed)):
        raise DataError(
            f"'{name}' unpacks to more than {most:,} bytes out of {packed:,}, as no table does:"
            " unpack it yourself if you trust it"
        )


def _unpacked(raw: bytes, path: Path) -> bytes:
    try:
        with gzip.open(io.BytesIO(raw)) as stream:
            unpacked = stream.read(most_unpacked(len(raw)) + 1)
    except (EOFError, OSError, zlib.error) as error:
        why = "it ends too early" if isinstance(error, EOFError) else str(error)
        raise DataError(f"'{path}' is a damaged gzip file ({why}): fetch it again") from error
    check_unpacked(len(unpacked), len(raw), str(path))
    return unpacked


def _files(folder: Path) -> list[str]:
    try:
        return sorted(entry.name for entry in folder.iterdir())
    except OSError:
        return []


def _some_files(folder: Path) -> str:
    names = _files(folder)
    more = ", ..." if len(names) > 5 else ""
    return f": {', '.join(names[:5])}{more}" if names else " (it is empty)"
