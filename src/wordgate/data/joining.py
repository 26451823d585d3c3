"""Several columns as one text: the cells of a row, joined by a marker.

The topic of a tweet is known when the tweet is, so it may stand in front of it:
``Borderlands | i am coming to the borders``. The tokenizer ``messages`` makes the marker a token
of its own; ``keras`` puts a space for it, so there it only parts the words. Nothing ever cuts a
text at its markers again: a cell that holds one is a text like any other.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wordgate.tables.records import Cell

MARKER = " | "
"""What stands between two columns; bundles depend on it, and users type it."""


def joined(fronts: Iterable[Cell], body: str) -> str:
    """Put what is known of a text in front of it.

    Args:
        fronts: The cells that stand in front, in order. Those that are missing, empty or blank are
            left out with their marker.
        body: The text itself, which stays as it is.

    Returns:
        ``"Borderlands | i am coming"``; the body alone where nothing stands in front.
    """
    return MARKER.join([*filter(None, ((cell or "").strip() for cell in fronts)), body])


def form(columns: Sequence[str]) -> str:
    """Show how a text of several columns is written: ``entity | text``.

    Args:
        columns: Their names, or their numbers where they have none.
    """
    return MARKER.join(f"column {name}" if name.isdigit() else name for name in columns)
