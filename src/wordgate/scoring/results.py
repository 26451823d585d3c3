"""Results of scoring: of one file, of a shard, and of all shards together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

_TRANSIENT = ("name", "added", "remarks", "seconds", "error", "was_complete")


@dataclass(frozen=True, kw_only=True)
class ShardResult:
    """The result of scoring one shard.

    Attributes:
        input: The name of the input, without secrets.
        name: The name of the output, relative to the folder of all of them.
        rows: As in `Scored`, like `scored`, `abstained`, `errors`, `first_errors` and `added`.
        bytes: Size of the output.
        sha256: Hash of the output.
        input_version: Hash of the input, or the version of a remote one.
        remarks: Messages of the run.
        seconds: Duration.
        error: Why it could not be scored; None if it was.
        was_complete: Whether it was already finished.
    """

    input: str
    name: str
    rows: int = 0
    scored: int = 0
    abstained: int = 0
    errors: int = 0
    first_errors: list[tuple[int, str]] = field(default_factory=list)
    bytes: int = 0
    sha256: str = ""
    input_version: str = ""
    added: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    seconds: float = 0.0
    error: str | None = None
    was_complete: bool = False

    def record(self) -> dict[str, Any]:
        """Return the record of it, which is the same for every run on the same shard."""
        facts = asdict(self)
        return {
            "input": facts.pop("input"),
            "output": self.name,
            **{name: value for name, value in facts.items() if name not in _TRANSIENT},
            "added": self.added,
        }


@dataclass(frozen=True)
class Scored:
    """The result of `wordgate.score`.

    Attributes:
        rows: Number of rows of the input; the output has the same rows.
        scored: Number of rows with probabilities.
        abstained: Number of these without a label, because of `abstain_below`.
        errors: Number of rows that could not be scored.
        first_errors: The first of them: row number, from 1, and reason.
        added: Names of the new columns: label and probability (or labels, if a text can have
            several), one for each label, error. If the input has no header, the output has none
            either.
        seconds: Time for reading, scoring and writing since the last start.
        texts_per_second: Scored texts per second in this time.
        was_complete: Whether the result was already complete and there was nothing to do. The
            numbers are then those of the run that wrote it if it was killed in its last step,
            else 0.
        shards: The result of each file, where several were scored; their numbers are summed up
            above.
    """

    rows: int
    scored: int
    abstained: int
    errors: int
    first_errors: list[tuple[int, str]]
    added: list[str]
    seconds: float
    texts_per_second: float
    was_complete: bool = False
    shards: list[ShardResult] = field(default_factory=list)


def totals(shards: Sequence[ShardResult]) -> dict[str, int]:
    """Sum up the counts of shards."""
    names = ("rows", "scored", "abstained", "errors", "bytes")
    sums = {name: sum(getattr(shard, name) for shard in shards) for name in names}
    return {"shards": len(shards), **sums}
