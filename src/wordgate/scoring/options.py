"""The options of a scoring, in one value that can be sent to another process."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from wordgate.data import Columns
from wordgate.errors import SettingsError
from wordgate.models.lstm_forward import NUMPY
from wordgate.prediction.decision import Threshold, check_abstain
from wordgate.runtime.cpu import choose_threads
from wordgate.scoring.writing import check_format

BATCH = 8192


@dataclass(frozen=True, kw_only=True)
class ScoreOptions:
    """The options of `wordgate.score`, which describes them, that hold for every file."""

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
    checkpoint_seconds: float = 2.0

    def check(self) -> None:
        """Refuse what is wrong whatever the input is.

        Raises:
            SettingsError: An option is out of range.
        """
        check_abstain(self.abstain_below)
        choose_threads(self.threads)
        if self.batch < 1:
            raise SettingsError(f"batch is {self.batch}: it must be at least 1")
        if self.to is not None:
            check_format(self.to)

    def decisive(self) -> dict[str, str]:
        """Give those that decide the result, as text."""
        facts = asdict(self)
        for name in ("threads", "checkpoint_seconds"):
            del facts[name]
        facts = {"format": facts.pop("to"), **facts}
        return {name: "default" if value is None else str(value) for name, value in facts.items()}
