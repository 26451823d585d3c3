"""The part of a text that is looked at for the next records.

What a window holds depends on where it begins and on nothing else, so that a reader that begins
again at the same place finds the same batches: their neighbours move a probability's last bits.
"""

from collections.abc import Iterator

from wordgate.scoring.characters import Characters

WINDOW = 1 << 20
"""Characters that are looked at together, unless a record is longer."""
LARGEST_RECORD = 1 << 23
"""Characters of a record at most; beyond, a quote counts as stray and a line is passed over."""
SHOWN_OF_LARGE = 1000


class Window:
    """Characters from where the next record begins.

    Args:
        characters: The text.
    """

    def __init__(self, characters: Characters):
        self._characters = characters
        self._size = WINDOW

    @property
    def at_end(self) -> bool:
        """Whether the text ends with the window."""
        return self._characters.ended and len(self._characters.pending) <= self._size

    def whole_lines(self, *ends: str) -> str:
        r"""Give the lines that are whole; at the end of the text the last one is.

        Args:
            ends: What ends a line, the usual first; a ``\r`` that comes last may be half an end.
        """
        text = self._characters.pending[: self._size]
        if self.at_end:
            return text
        for end in ends:
            last = text.rfind(end, 0, len(text) - (end == "\r"))
            if last >= 0:
                return text[: last + 1]
        return ""

    def grow(self) -> bool:
        """Make the window larger; tell whether it could be."""
        held = min(len(self._characters.pending), self._size)
        if self.at_end or held >= LARGEST_RECORD:
            return False
        if held == self._size:
            self._size = min(2 * self._size, LARGEST_RECORD)
        self._characters.fill(self._size)
        return True


def windows(characters: Characters) -> Iterator[Window]:
    """Give a window at a time, at what is left after the last one, until nothing is."""
    while True:
        if not characters.has_line():
            characters.fill(WINDOW)
        if not characters.pending:
            return
        yield Window(characters)


def too_long() -> str:
    """Say that a line is longer than may be, and how much of it is shown."""
    return (
        f"the line has more than {LARGEST_RECORD:,} characters, of which these are the first"
        f" {SHOWN_OF_LARGE:,}"
    )
