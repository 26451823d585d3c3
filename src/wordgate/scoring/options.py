"""The options of `wordgate.score`, as one value that can be sent to another process."""

from __future__ import annotations

from dataclasses import dataclass

from wordgate.arguments import real_number, whole_number
from wordgate.bundle.config import Config
from wordgate.data import Columns
from wordgate.errors import SettingsError
from wordgate.models.lstm_forward import NUMPY
from wordgate.prediction.decision import DecisionRule, Threshold, check_abstain
from wordgate.runtime.threads import choose_threads
from wordgate.tables.source import STANDARD

FORMATS = ("csv", "tsv", "jsonl", "parquet")
BATCH = 8192
_NOT_DECISIVE = ("to", "threads", "resume", "overwrite", "skip_errors", "checkpoint_seconds")


@dataclass(frozen=True, kw_only=True)
class ScoreOptions:
    """The options of `wordgate.score`.

    Raises:
        SettingsError: An option is out of range.
    """

    text: Columns | None = None
    encoding: str | None = None
    abstain_below: float = 0.0
    threshold: Threshold | None = None
    top: int | None = None
    escape_formulas: bool = False
    to: str | None = None
    batch: int = BATCH
    kernel: str = NUMPY
    threads: int | None = None
    resume: bool = False
    overwrite: bool = False
    skip_errors: bool = False
    checkpoint_seconds: float = 2.0

    def __post_init__(self) -> None:
        check_abstain(self.abstain_below)
        choose_threads(self.threads)
        whole_number(self.batch, "batch", "a whole number of at least 1")
        needed = "a number of at least 0"
        seconds = self.checkpoint_seconds
        real_number(seconds, "checkpoint_seconds", needed, lambda number: number >= 0.0)
        if self.to not in (None, *FORMATS):
            raise SettingsError(f"no format '{self.to}'; available: {', '.join(FORMATS)}")

    def rule(self, config: Config) -> DecisionRule:
        """Return the decision rule for a model."""
        return DecisionRule.of(
            config, threshold=self.threshold, top=self.top, abstain_below=self.abstain_below
        )

    def decisive(self) -> dict[str, str]:
        """Return the options that affect the result, as text."""
        return {
            name: "default" if value is None else str(value)
            for name, value in {"format": self.to, **vars(self)}.items()
            if name not in _NOT_DECISIVE
        }

    def check_effect(self, source: str, out: str) -> None:
        """Raise a `SettingsError` for `resume` or `overwrite` without effect."""
        if self.resume and self.overwrite:
            raise SettingsError("--resume continues and --overwrite starts over: give one of them")
        if out == STANDARD and (self.resume or self.overwrite):
            name = "--resume" if self.resume else "--overwrite"
            raise SettingsError(f"{name} has no effect on standard output: name a file")
        if self.resume and source == STANDARD:
            raise SettingsError(
                "--resume has no effect on standard input, which can be read only once"
            )
