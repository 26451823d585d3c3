r"""Characters in order, with the bytes that fit no encoding kept as marks of themselves.

A byte that can't be decoded becomes a lone surrogate, U+DC00 plus the byte, which no decoded text
holds otherwise. So records keep their borders, and `spelled_out` writes it as ``\xff``.
"""

import codecs
import re
from collections.abc import Iterator

from wordgate.data.decoding import BYTE_ORDER_MARK

_MARKS = "wordgate-marks"
_LONE = re.compile("[\ud800-\udfff]")


def _as_marks(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    misfits = error.object[error.start : error.end]
    return "".join(chr(0xDC00 + byte) for byte in misfits), error.end


codecs.register_error(_MARKS, _as_marks)


class Characters:
    """A text of any length, of which a part is held at a time.

    Args:
        blocks: Its bytes.
        codec: How they are decoded.
        live: True where bytes come as they like: then none are waited for while there is a line.

    Attributes:
        pending: What has been read and not been dropped.
        ended: Whether nothing follows `pending`.
        position: Characters dropped so far.
        marked: Whether the text began with a byte-order mark, which is no part of it.
    """

    def __init__(self, blocks: Iterator[bytes], codec: str, *, live: bool = False):
        self._blocks = blocks
        self._decoder = codecs.getincrementaldecoder(codec)(_MARKS)
        self._live = live
        self._begun = False
        self.pending = ""
        self.ended = False
        self.position = 0
        self.marked = codec in ("utf-8-sig", "utf-16")

    def fill(self, wanted: int) -> None:
        """Read until so many characters are pending, or the end; of a pipe, what comes next."""
        parts, length = [self.pending], len(self.pending)
        while length < wanted and not self.ended:
            part = self._next()
            parts.append(part)
            length += len(part)
            if self._live and part:
                break
        self.pending = "".join(parts)

    def has_line(self) -> bool:
        """Tell whether a line has come through a pipe that can be worked on without waiting."""
        return self._live and "\n" in self.pending

    def drop(self, count: int) -> None:
        """Be done with the first so many characters that are pending."""
        self.pending = self.pending[count:]
        self.position += count

    def skip_to(self, position: int) -> None:
        """Drop characters up to a position, which lies ahead."""
        while self.position < position:
            self.fill(1)
            if not self.pending:
                return
            self.drop(min(len(self.pending), position - self.position))

    def drop_line(self) -> None:
        r"""Drop characters up to the end of a line, its ``\n`` included, however far that is."""
        while True:
            end = self.pending.find("\n") + 1
            self.drop(end or len(self.pending))
            if end or self.ended:
                return
            self.fill(1)

    def _next(self) -> str:
        block = next(self._blocks, None)
        self.ended = block is None
        text = self._decoder.decode(block or b"", final=self.ended)
        if text and not self._begun:
            self._begun = True
            # Where the codec has taken a mark off, a second one is a character.
            if not self.marked:
                self.marked = text.startswith(BYTE_ORDER_MARK)
                return text.removeprefix(BYTE_ORDER_MARK)
        return text


def decodes(text: str) -> bool:
    """Tell whether a text holds no bytes that could not be decoded."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def spelled_out(text: str, *, escape: str = "\\") -> tuple[str, int]:
    r"""Write the bytes that could not be decoded as ``\xff``, and count them.

    Args:
        text: With marks.
        escape: How the backslash is written: in JSON it is two.
    """
    return _LONE.subn(lambda found: escape + _hex(ord(found[0])), text)


def _hex(code: int) -> str:
    return f"x{code - 0xDC00:02x}" if 0xDC00 <= code < 0xDD00 else f"u{code:04x}"
