"""The families of models: one entry for each, read by everything that differs between them.

What fits and loads a family is named here and imported when it is used: this module stays light.
"""

import pkgutil
from dataclasses import dataclass
from typing import Any, Literal

from wordgate.runtime.packages import TORCH

AUTO = "auto"
"""The name in place of a family that lets a search choose one."""
_WORDS = ("text", "vectors")


@dataclass(frozen=True)
class Family:
    """A family of models. Functions are named as ``module:function``, modules below `wordgate`.

    Attributes:
        name: Its name on the command line, in bundles and in `metrics.json`.
        title: Its name in reports, as in "the LSTM model".
        summary: What it is, in a line.
        fitting: What fitting it is called in messages.
        tables: The tables of settings that it reads, besides the settings outside tables.
        fit: Fits a model to `FitData` by `Settings` in a `RunContext`, and gives a `Fitted`.
        load: Builds a model from the description and the arrays that its `state` gave.
        engine: Names what `fit` computes with by these settings on this device; None for one
            thread of the processor and the first of `packages`, or numpy if there is none.
        pretrained: Finds the network that fitting begins with, by the settings; None for none.
        vectors: Whether it reads pretrained word vectors: ``none``; ``optional``, they are
            initialized at random without; or ``required``.
        cpu_alone: Whether it is fitted on the CPU alone, in one thread.
        packages: What fitting computes with, of the extra `train`.
        extra: The extra that fitting and predicting need besides; None for none.
        can_be_taught: Whether it can learn from a teacher.
        can_resume: Whether its training is kept against an interruption.
    """

    name: str
    title: str
    summary: str
    fitting: str
    tables: tuple[str, ...]
    fit: str
    load: str
    engine: str | None = None
    pretrained: str | None = None
    vectors: Literal["none", "optional", "required"] = "none"
    cpu_alone: bool = False
    packages: tuple[str, ...] = ()
    extra: str | None = None
    can_be_taught: bool = False
    can_resume: bool = False

    @property
    def uses_torch(self) -> bool:
        """Whether it is fitted with torch."""
        return TORCH in self.packages or self.extra is not None

    def reads(self, setting: str) -> bool:
        """Return whether a setting, by its dotted name, has any effect on models of the family."""
        table, dot, _ = setting.rpartition(".")
        return not dot or table in self.tables


def imported(function: str) -> Any:
    """Import a function that an entry names as ``module:function``."""
    return pkgutil.resolve_name(f"wordgate.{function}")


FAMILIES = {
    family.name: family
    for family in (
        Family(
            "count",
            "count",
            "Logistic regression on weighted counts of word and character n-grams.",
            "training on word counts",
            ("count",),
            fit="training.count:fit_count",
            load="models.count:CountModel.from_state",
            cpu_alone=True,
            packages=("scipy",),
        ),
        Family(
            "logreg",
            "averaged-vectors",
            "Logistic regression on the average of a text's word vectors.",
            "training on averaged word vectors",
            (*_WORDS, "average", "logreg"),
            fit="training.average:fit_logreg",
            load="models.average:load_logreg",
            vectors="required",
            cpu_alone=True,
            packages=("scipy",),
        ),
        Family(
            "mlp",
            "MLP",
            "A small neural network on the average of a text's word vectors.",
            "training an MLP",
            (*_WORDS, "average", "loss", "mlp", "teacher"),
            fit="training.average:fit_mlp",
            load="models.average:load_mlp",
            vectors="required",
            cpu_alone=True,
            packages=(TORCH,),
            can_be_taught=True,
            can_resume=True,
        ),
        Family(
            "lstm",
            "LSTM",
            "A recurrent network that reads a text word by word, in order.",
            "training an LSTM",
            (*_WORDS, "loss", "lstm", "teacher"),
            fit="training.lstm:fit_lstm",
            load="models.lstm:LSTMModel.from_state",
            engine="training.lstm_trainer:engine_of",
            vectors="optional",
            packages=(TORCH,),
            can_be_taught=True,
            can_resume=True,
        ),
        Family(
            "transformer",
            "transformer",
            "A pretrained network that attends to all words at once, fine-tuned.",
            "fine-tuning a transformer",
            ("loss", "transformer"),
            fit="training.transformer:fit_transformer",
            load="models.transformer:TransformerModel.from_state",
            engine="training.transformer:engine_of",
            pretrained="training.pretrained_transformer:locate_transformer",
            extra="transformer",
            can_resume=True,
        ),
    )
}
"""All families by their names, the simplest first."""
