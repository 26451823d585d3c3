"""The table: texts, labels and groups, and the record each came from."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from wordgate.data.reading import Reading


def own_group(row: int) -> str:
    """Name the group of a row whose group is empty: nobody else is in it."""
    return f"(row {row})"


@dataclass(frozen=True)
class Table:
    """Texts with what is known of them; all lists are of one length and in the source's order.

    Attributes:
        texts: What is classified; several columns joined, if so asked.
        bodies: Each text without what other columns put in front of it: what copies are sought in,
            since a tweet is the same tweet under another topic.
        labels: One label a text, or None where there are none.
        groups: What must stay together in a split, or None without a group column.
        rows: 1-based number of the record each text came from; a header is not counted.
        parts: ``"train"``, ``"valid"`` or ``"test"`` where the source has a split column.
        reading: What was inferred, why, and what was dropped.
    """

    texts: list[str]
    bodies: list[str]
    labels: list[str] | None
    groups: list[str] | None
    rows: list[int]
    parts: list[str] | None
    reading: Reading

    def __len__(self) -> int:
        return len(self.texts)

    def named_groups(self) -> list[str] | None:
        """The groups as the source names them: empty where a row has none but itself."""
        if self.groups is None:
            return None
        pairs = zip(self.groups, self.rows, strict=True)
        return ["" if group == own_group(row) else group for group, row in pairs]

    def select(self, indices: Iterable[int]) -> Table:
        """Take some rows, in the order asked.

        Args:
            indices: 0-based positions in this table; a numpy array will do.

        Returns:
            A table of those rows with the same ``reading``.
        """
        chosen = [int(index) for index in indices]

        def pick(values: list[str] | None) -> list[str] | None:
            return None if values is None else [values[i] for i in chosen]

        return replace(
            self,
            texts=[self.texts[i] for i in chosen],
            bodies=[self.bodies[i] for i in chosen],
            labels=pick(self.labels),
            groups=pick(self.groups),
            rows=[self.rows[i] for i in chosen],
            parts=pick(self.parts),
        )
