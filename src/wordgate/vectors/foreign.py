"""Files that are handed over in place of word vectors, and what to do about each."""

from __future__ import annotations

import re
from pathlib import Path

from wordgate.errors import DataError

_AS_WORD2VEC = (
    "in Python with gensim, v = KeyedVectors.load(path); getattr(v, 'wv', v)"
    ".save_word2vec_format('vectors.bin', binary=True) saves it as word2vec, which can be read"
)
_PICKLE = f"a pickle, which could run code; if it is gensim's own format: {_AS_WORD2VEC}"
_UNPACK = "unpack it, or use gzip"
_FASTTEXT_MAGIC = (793_712_314).to_bytes(4, "little")
_KNOWN = [
    *((b"\x80%c" % protocol, _PICKLE) for protocol in range(2, 6)),
    (b"\x93NUMPY", f"a numpy array, as gensim's own format keeps beside a pickle: {_AS_WORD2VEC}"),
    (_FASTTEXT_MAGIC, "a model in fastText's own binary format: give the .vec file beside it"),
    (b"PK\x03\x04", "a zip archive: unpack it, and give the file of vectors in it"),
    (b"PK\x05\x06", "an empty zip archive: fetch it again"),
    (b"\x89HDF", "an HDF5 file: save the vectors as word2vec or text"),
    (b"PAR1", "a Parquet file: save the vectors as word2vec or text"),
    (b"BZh", f"compressed with bzip2: {_UNPACK}"),
    (b"\xfd7zXZ\x00", f"compressed with xz: {_UNPACK}"),
    (b"\x28\xb5\x2f\xfd", f"compressed with zstd: {_UNPACK}"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it, and give the file of vectors in it"),
    (b"version https://git-lfs", "a pointer to a file in Git LFS: fetch the file itself"),
    (b"\x1f\x8b", "gzipped twice: unpack it once"),
]  # fmt: skip
# Pickles of protocols 0 and 1 begin with the name of a class, or with an empty list or dict.
_OLD_PICKLE = re.compile(rb"c[A-Za-z_][\w.]*\n[A-Za-z_]\w*\n|\([dl]p\d+\n|[\]}]q\x00")
_WEB_PAGE = re.compile(rb"\s*<(?:!doctype|html|\?xml)", re.IGNORECASE)
_TAR_MAGIC, _TAR_PLACE = b"ustar", 257


def refuse_foreign(path: Path, start: bytes) -> None:
    """Refuse what is known by its first bytes to be no word vectors.

    Args:
        path: The file, for the message.
        start: Its first bytes, unpacked.

    Raises:
        DataError: With what the file is and what to do.
    """
    if not start:
        raise DataError(f"'{path}' is empty: fetch it again")
    for magic, what in _KNOWN:
        if start.startswith(magic):
            raise DataError(f"'{path}' is {what}")
    if _OLD_PICKLE.match(start):
        raise DataError(f"'{path}' is {_PICKLE}")
    if _WEB_PAGE.match(start):
        raise DataError(f"'{path}' is a web page: the download went wrong; fetch it again")
    if start[_TAR_PLACE:].startswith(_TAR_MAGIC):
        raise DataError(f"'{path}' is a tar archive: unpack it, and give the file of vectors in it")
