"""What reading a source found: facts for programs, sentences for people."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from wordgate.runtime.display import shown
from wordgate.tables import Malformed

MALFORMED_SHOWN = 5
MALFORMED_IN_JSON = 100
PREVIEW_WIDTH = 72

DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


@dataclass(frozen=True)
class Column:
    """A column by its 1-based number, and its name where the source names it."""

    number: int
    name: str | None

    def called(self) -> str:
        """Call it as lines and messages do: ``2 'entity'``."""
        return f"{self.number} '{self.name}'" if self.name else str(self.number)

    def flag(self) -> str:
        """Name it as a flag does."""
        return self.name or str(self.number)


@dataclass(frozen=True)
class Choice:
    """Which column plays a role, and why.

    Attributes:
        role: ``"text"``, ``"label"``, ``"group"`` or ``"split"``.
        number: 1-based column number, or None where no column plays the role.
        name: The column's name, or None where the source names none.
        reason: One clause with figures.
        given: True where a flag said so, False where it was inferred.
        before: Columns whose cells are joined in front of this one's, in order; the text alone
            has such.
    """

    role: str
    number: int | None
    name: str | None
    reason: str
    given: bool
    before: list[Column] = field(default_factory=list)

    @property
    def columns(self) -> tuple[Column, ...]:
        """All columns that play the role, the main one last; none where no column does."""
        return () if self.number is None else (*self.before, Column(self.number, self.name))

    def line(self) -> str:
        """Say it in one line."""
        *others, last = [column.called() for column in self.columns] or ["none"]
        if others:
            return f"{self.role}: columns {', '.join(others)} and {last} ({self.reason})"
        return f"{self.role}: {'column ' if self.columns else ''}{last} ({self.reason})"


@dataclass(frozen=True)
class PreviewRow:
    """One row as read."""

    row: int
    text: str
    label: str | None
    group: str | None

    def line(self) -> str:
        """Show the row in one line that can't disturb a terminal."""
        group = "" if self.group is None else f" {shown(self.group, 20)}"
        label = "" if self.label is None else f" [{shown(self.label, 30)}]"
        return f"  row {self.row}:{group}{label} {shown(self.text, PREVIEW_WIDTH)}"


@dataclass(frozen=True)
class Reading:
    """The account of one reading; ``n_read == n_kept + sum(dropped) + len(malformed)``.

    Attributes:
        source: The file as the user named it, a named data set, or the kind of frame.
        format: ``"csv"``, ``"tsv"``, ``"jsonl"``, ``"parquet"`` or ``"frame"``.
        compressed: True where the file was gzipped.
        encoding: How its bytes were read, or None where there was nothing to decode.
        encoding_reason: Why that encoding.
        delimiter: What separates fields; None for a single column or another format.
        header: Whether the first record names the columns; None for another format.
        header_reason: Why so.
        columns: The columns used, each with its reason.
        n_read: Records found.
        n_kept: Rows of the table.
        dropped: How many rows were left out, by reason.
        malformed: Records skipped, in order.
        warnings: What the user should know before trusting the table.
        preview: The first few rows as read.
    """

    source: str
    format: str
    compressed: bool
    encoding: str | None
    encoding_reason: str
    delimiter: str | None
    header: bool | None
    header_reason: str
    columns: list[Choice]
    n_read: int
    n_kept: int
    dropped: dict[str, int]
    malformed: list[Malformed]
    warnings: list[str]
    preview: list[PreviewRow]

    def choice(self, role: str) -> Choice | None:
        """The column that plays a role.

        Args:
            role: ``"text"``, ``"label"``, ``"group"`` or ``"split"``.

        Returns:
            The choice, or None where the role was not looked for.
        """
        return next((choice for choice in self.columns if choice.role == role), None)

    def lines(self) -> list[str]:
        """Say what was read, what was inferred and why, for a terminal."""
        lines = form_lines(
            self.source,
            self.format,
            compressed=self.compressed,
            encoding=None if self.encoding is None else f"{self.encoding} ({self.encoding_reason})",
            delimiter=self.delimiter,
            header=self.header,
            header_reason=self.header_reason,
        )
        lines += [choice.line() for choice in self.columns]
        lines.append(self._kept())
        if self.malformed:
            lines.append(self._malformed())
        lines += [f"warning: {warning}" for warning in self.warnings]
        if self.preview:
            lines.append("the first rows as read:")
            lines += [row.line() for row in self.preview]
        return lines

    def to_json(self) -> dict[str, object]:
        """Give the facts as plain JSON values; long lists of malformed records are cut."""
        facts = asdict(self)
        facts["n_malformed"] = len(self.malformed)
        facts["malformed"] = facts["malformed"][:MALFORMED_IN_JSON]
        return facts

    def _kept(self) -> str:
        line = f"rows: {self.n_read:,} read, {self.n_kept:,} kept"
        if self.dropped:
            parts = [f"{count:,} ({reason})" for reason, count in self.dropped.items()]
            line += f"; dropped {', '.join(parts)}"
        return line

    def _malformed(self) -> str:
        first = "; ".join(f"line {m.line}: {m.why}" for m in self.malformed[:MALFORMED_SHOWN])
        more = "; ..." if len(self.malformed) > MALFORMED_SHOWN else ""
        return f"malformed: {len(self.malformed):,} skipped ({first}{more})"


def form_lines(
    source: str,
    form: str,
    *,
    compressed: bool,
    encoding: str | None,
    delimiter: str | None,
    header: bool | None,
    header_reason: str,
) -> list[str]:
    """Say in what form a source was read.

    Args:
        source: The source, as the user named it.
        form: As `Reading.format`.
        compressed: Whether it was gzipped.
        encoding: How its bytes were read, with the reason; None where nothing was decoded.
        delimiter: As in `Reading`.
        header: As in `Reading`.
        header_reason: As in `Reading`.
    """
    details = [form.upper() if form != "frame" else "data frame"]
    if compressed:
        details[0] += " (gzip)"
    if encoding is not None:
        details.append(encoding)
    if delimiter is not None:
        name = DELIMITER_NAMES.get(delimiter, repr(delimiter))
        details.append(f"fields separated by {name}")
    lines = [f"read {source}: {', '.join(details)}"]
    if header is not None:
        lines.append(f"header: {'yes' if header else 'none'} ({header_reason})")
    return lines
