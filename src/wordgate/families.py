"""The registry of model families.

Functions that fit and load a family are referred to by name, and imported when they are used.
"""

import pkgutil
from dataclasses import dataclass
from typing import Any, Literal

from wordgate.runtime.packages import TORCH

AUTO = "auto"
"""The name in place of a family for a search over all families."""
_WORDS = ("text", "vectors")


@dataclass(frozen=True)
class Family:
    """A family of models. Functions are named ``module:function``, with modules below `wordgate`.

    Attributes:
        name: Its name on the command line, in bundles and in `metrics.json`.
        title: Its name in reports, as in "the LSTM model".
        summary: A description in one line.
        fitting: Its training in messages, as in "training an LSTM".
        tables: The tables of settings that it uses, besides the settings outside tables.
        fit: Fits a model to `FitData` with `Settings` in a `RunContext`; returns a `Fitted`.
        load: Restores a model from the description and the arrays of its `state`.
        engine: Returns the environment of `fit` with these settings on this device; None for one
            thread of the CPU and the first of `packages`, or numpy if there is none.
        pretrained: Locates the pretrained network by the settings; None if there is none.
        vectors: Whether it uses pretrained word vectors: ``none``; ``optional`` (otherwise vectors
            are initialized at random); or ``required``.
        cpu_alone: Whether it is fitted in one thread of the CPU only.
        packages: The packages of the extra `train` that `fit` needs.
        extra: A further extra that fitting and prediction need; None if there is none.
        can_be_taught: Whether it can be distilled from a teacher.
        can_resume: Whether an interrupted training can be resumed.
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
        """Return whether a setting, by its dotted name, has an effect on the family."""
        table, dot, _ = setting.rpartition(".")
        return not dot or table in self.tables


def imported(function: str) -> Any:
    """Import the function of a name ``module:function``."""
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
