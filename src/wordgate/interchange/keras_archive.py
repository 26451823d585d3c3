"""A `.keras` file, opened without trusting it: a zip of two JSON files and one HDF5 file.

Nothing is unpacked by a name that the file gives. No member may claim more than its limit, or more
than deflate could honestly have packed into the bytes that are there.
"""

import json
import os
import re
import tempfile
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from wordgate.errors import BundleError, shown
from wordgate.interchange.hdf5 import SIGNATURE
from wordgate.interchange.keras_layers import brief

METADATA, CONFIG, WEIGHTS = "metadata.json", "config.json", "model.weights.h5"
LIMITS = {METADATA: 2**20, CONFIG: 2**24, WEIGHTS: 2**33}
"""How many bytes a member may have, unpacked."""
EXPANSION = 100
"""How often a member may outgrow its packed size; Keras itself packs nothing."""
SMALL = 2**20
"""Members of so many bytes may outgrow it more."""
RESAVE = "load it in Keras 3 and save it with model.save('model.keras')"
_BLOCK = 2**20
_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1
_VERSION = re.compile(r"(\d{1,4})(\.[0-9A-Za-z]{1,16}){1,5}")
# What zipfile raises over damaged files, besides its own error.
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, EOFError, LookupError, NotImplementedError, OverflowError,
    RuntimeError, ValueError,
)  # fmt: skip


@dataclass(frozen=True)
class KerasArchive:
    """What a `.keras` file holds.

    Attributes:
        version: The version of Keras that saved it.
        config: How the model is built.
        weights: An HDF5 file, open for reading; it has no name on the disk.
        weights_size: Its bytes.
    """

    version: str
    config: Mapping[str, Any]
    weights: IO[bytes]
    weights_size: int


@contextmanager
def open_keras(path: Path) -> Iterator[KerasArchive]:
    """Open a `.keras` file.

    Args:
        path: The file.

    Raises:
        BundleError: It is no such file, is damaged, or claims sizes it can't have.
    """
    _check_kind(path)
    with tempfile.TemporaryFile() as weights:
        try:
            with zipfile.ZipFile(path) as archive:
                version = _version(_object(archive, METADATA))
                config = _object(archive, CONFIG)
                size = _copy(archive, WEIGHTS, weights)
        except _DAMAGE as error:
            raise BundleError(f"the file is damaged: {shown(str(error), 200)}") from error
        except OSError as error:  # among others, a seek to where a damaged zip leads
            raise BundleError(f"the file can't be unpacked: {error.strerror}") from error
        weights.seek(0)
        yield KerasArchive(version, config, weights, size)


def _check_kind(path: Path) -> None:
    """Refuse what is no zip, and say what it is instead."""
    if os.path.isdir(path):  # which takes a path too long for the system, too
        raise BundleError(f"this is a folder, not a .keras file; {RESAVE}")
    if not os.path.isfile(path):
        raise BundleError("there is no such file")
    try:
        with path.open("rb") as file:
            start = file.read(len(SIGNATURE))
    except OSError as error:
        raise BundleError(f"the file can't be read: {error.strerror}") from error
    if start == SIGNATURE:
        raise BundleError(f"this is an HDF5 file, the older format of Keras; {RESAVE}")
    if not zipfile.is_zipfile(path):
        raise BundleError("this is not a .keras file, which is a zip, or it is cut off")


def _version(metadata: Mapping[str, Any]) -> str:
    """Give the version of Keras, and refuse those whose files have another layout."""
    version = metadata.get("keras_version")
    match = _VERSION.fullmatch(version) if isinstance(version, str) else None
    if match is None:
        raise BundleError(f"{METADATA} has the keras_version {brief(version)}, which is none")
    if match[1] != "3":
        raise BundleError(f"it was saved by Keras {match[0]}, and only Keras 3 is read; {RESAVE}")
    return match[0]


def _object(archive: zipfile.ZipFile, name: str) -> Mapping[str, Any]:
    """Read a member that holds a JSON object."""
    with tempfile.SpooledTemporaryFile(max_size=LIMITS[name] + 1) as file:
        _copy(archive, name, file)
        file.seek(0)
        content = file.read()
    try:
        value = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BundleError(f"{name} in it is not JSON ({shown(str(error), 200)})") from error
    if not isinstance(value, dict):
        raise BundleError(f"{name} in it is not a JSON object but {brief(value)}")
    return value


def _copy(archive: zipfile.ZipFile, name: str, to: IO[bytes]) -> int:
    """Unpack a member, and count its bytes while at it."""
    info = _checked(archive, name)
    copied = 0
    with archive.open(info) as member:
        while block := member.read(_BLOCK):
            copied += len(block)
            if copied > info.file_size:
                break
            to.write(block)
    if copied != info.file_size:
        raise BundleError(
            f"the file is damaged: {name} has {copied:,} bytes where {info.file_size:,} belong"
        )
    return copied


def _checked(archive: zipfile.ZipFile, name: str) -> zipfile.ZipInfo:
    """Find a member, and refuse one that claims what it can't hold."""
    found = [info for info in archive.infolist() if info.filename == name]
    if not found:
        raise BundleError(f"this is not a model saved by Keras 3: there is no {name} in it")
    if len(found) > 1:
        raise BundleError(f"the file is damaged: it holds {name} {len(found)} times")
    info = found[0]
    if info.flag_bits & _ENCRYPTED or info.compress_type not in _PLAIN:
        raise BundleError(f"{name} in it is encrypted or packed in a way that Keras never does")
    if info.file_size > LIMITS[name]:
        raise BundleError(
            f"{name} in it claims {info.file_size:,} bytes; more than {LIMITS[name]:,} are not read"
        )
    if info.file_size > max(SMALL, EXPANSION * info.compress_size):
        raise BundleError(
            f"{name} in it claims {info.file_size:,} bytes out of {info.compress_size:,} packed"
            " ones, as a zip bomb does"
        )
    return info
