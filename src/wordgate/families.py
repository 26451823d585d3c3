"""The families of models: one entry for each, read by everything that differs between them."""

from dataclasses import dataclass
from typing import Literal

from wordgate.runtime.packages import TORCH

_WORDS = ("text", "vectors")


@dataclass(frozen=True)
class Family:
    """A family of models.

    Attributes:
        name: Its name on the command line, in bundles and in `metrics.json`.
        title: Its name in reports, as in "the LSTM model".
        fitting: What fitting it is called in messages.
        tables: The tables of settings that it reads, besides the settings outside tables.
        vectors: Whether it reads pretrained word vectors: ``none``; ``optional``, they are
            initialized at random without; or ``required``.
        cpu_alone: Whether it is fitted on the CPU alone, in one thread.
        packages: What fitting needs besides the extra `train`.
        extra: The extra that fitting and predicting need besides; None for none.
        can_be_taught: Whether it can learn from a teacher.
        can_resume: Whether its training is kept against an interruption.
        can_export: Whether its models can be exported to ONNX.
    """

    name: str
    title: str
    fitting: str
    tables: tuple[str, ...]
    vectors: Literal["none", "optional", "required"] = "none"
    cpu_alone: bool = False
    packages: tuple[str, ...] = ()
    extra: str | None = None
    can_be_taught: bool = False
    can_resume: bool = False
    can_export: bool = False

    def reads(self, setting: str) -> bool:
        """Tell whether a setting, by its dotted name, has any effect on models of the family."""
        table, dot, _ = setting.rpartition(".")
        return not dot or table in self.tables


FAMILIES = {
    family.name: family
    for family in (
        Family("count", "counts", "training on word counts", ("count",), cpu_alone=True),
        Family(
            "logreg",
            "averaged-vectors",
            "training on averaged word vectors",
            (*_WORDS, "average", "logreg"),
            vectors="required",
            cpu_alone=True,
            can_export=True,
        ),
        Family(
            "mlp",
            "MLP",
            "training an MLP",
            (*_WORDS, "average", "mlp", "teacher"),
            vectors="required",
            cpu_alone=True,
            packages=(TORCH,),
            can_be_taught=True,
            can_resume=True,
            can_export=True,
        ),
        Family(
            "lstm",
            "LSTM",
            "training an LSTM",
            (*_WORDS, "lstm", "teacher"),
            vectors="optional",
            packages=(TORCH,),
            can_be_taught=True,
            can_resume=True,
            can_export=True,
        ),
        Family(
            "transformer",
            "transformer",
            "fine-tuning a transformer",
            ("transformer",),
            extra="transformer",
            can_resume=True,
        ),
    )
}
"""All families by their names, the simplest first."""
