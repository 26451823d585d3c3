"""The ladder: what every family of models came to on the same splits."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.evaluation.intervals import PairedDifference
from wordgate.evaluation.metrics import Scores
from wordgate.training.fitting import Epoch

TAUGHT_LSTM = "taught"
"""What a comparison calls an LSTM that a teacher taught."""
COMPARED = ("count", "logreg", "mlp", "lstm", TAUGHT_LSTM, "transformer")
"""All that can be compared, the simplest first."""


def family_of(name: str) -> str:
    """Give the family of one of `COMPARED`."""
    return "lstm" if name == TAUGHT_LSTM else name


@dataclass(frozen=True)
class Answers:
    """What a family's models said of the rows judged.

    Attributes:
        log_proba: float64 [n, classes], as models that ship give them.
        untempered: float64 [n, classes], before their temperatures.
        temperature: What divides the log-probabilities; None where each fold has its own.
        history: The epochs; none for a family that has none, and where folds have their own.
        best_epoch: The one that was kept, from 1; 0 without epochs.
    """

    log_proba: NDArray[np.float64]
    untempered: NDArray[np.float64]
    temperature: float | None = None
    history: tuple[Epoch, ...] = ()
    best_epoch: int = 0


@dataclass(frozen=True)
class Rung:
    """A family on one kind of split.

    Attributes:
        family: The family of the models.
        kind: The kind of split: ``grouped``, ``random`` or ``given``.
        scores: On all rows judged.
        right: bool [n], which of them are labelled right.
        answers: What was said of them.
        train_seconds: What fitting took, in the mean over the rounds.
        texts_per_second: Texts predicted a second, from strings, in the mean over the rounds.
        megabytes: The largest model's size, in 10^6 bytes.
        remarks: What a user should know about these runs.
    """

    family: str
    kind: str
    scores: Scores
    right: NDArray[np.bool_]
    answers: Answers
    train_seconds: float
    texts_per_second: float
    megabytes: float
    remarks: tuple[str, ...]


@dataclass(frozen=True)
class Step:
    """One family against the one below it on the same rows.

    Attributes:
        family: The family.
        below: The family it is compared with.
        kind: The kind of split.
        difference: Accuracy of `family` less accuracy of `below`, paired by group.
    """

    family: str
    below: str
    kind: str
    difference: PairedDifference


@dataclass(frozen=True)
class Advice:
    """What to make of a ladder.

    Attributes:
        family: The family to use.
        sentences: That, and what else to know before using it.
    """

    family: str
    sentences: tuple[str, str]


@dataclass(frozen=True)
class Comparison:
    """The ladder.

    Attributes:
        source: Where the data came from.
        families: The families, from the lowest rung up.
        kinds: The kinds of split.
        folds: How many folds judged each row once; None for one ordinary split.
        seed: The run's seed.
        recipe: The recipe's name.
        vectors: The file of pretrained word vectors; None if there was none.
        rungs: A rung for each family and kind that has been run.
        steps: Each rung against the one below it.
        leaks: A sentence for each kind: how many judged rows could be known from training.
        left_out: Families that could not take part, and why.
        advice: What to use, in two sentences; None until all is run.
        environment: Versions of what trained.
    """

    source: str
    families: tuple[str, ...]
    kinds: tuple[str, ...]
    folds: int | None
    seed: int
    recipe: str
    vectors: str | None
    rungs: tuple[Rung, ...] = ()
    steps: tuple[Step, ...] = ()
    leaks: Mapping[str, str] | None = None
    left_out: tuple[str, ...] = ()
    advice: Advice | None = None
    environment: Mapping[str, str] | None = None

    def rung(self, family: str, kind: str) -> Rung | None:
        """Find a rung; None where it has not been run yet."""
        for rung in self.rungs:
            if (rung.family, rung.kind) == (family, kind):
                return rung
        return None

    def step(self, family: str, kind: str) -> Step | None:
        """Find how a family fares against the one below it; None for the lowest."""
        for step in self.steps:
            if (step.family, step.kind) == (family, kind):
                return step
        return None

    def to_json(self) -> dict[str, object]:
        """Give all of it as plain JSON values."""
        return {
            "schema_version": 1,
            "source": self.source,
            "families": list(self.families),
            "kinds": list(self.kinds),
            "folds": self.folds,
            "seed": self.seed,
            "recipe": self.recipe,
            "vectors": self.vectors,
            "rungs": [_rung_facts(rung) for rung in self.rungs],
            "steps": [
                {
                    "family": step.family,
                    "below": step.below,
                    "kind": step.kind,
                    **vars(step.difference),
                }
                for step in self.steps
            ],
            "leaks": dict(self.leaks or {}),
            "left_out": list(self.left_out),
            "advised": None if self.advice is None else self.advice.family,
            "advice": [] if self.advice is None else list(self.advice.sentences),
            "environment": dict(self.environment or {}),
        }


def _rung_facts(rung: Rung) -> dict[str, object]:
    return {
        "family": rung.family,
        "kind": rung.kind,
        "scores": rung.scores.as_dict(),
        "train_seconds": rung.train_seconds,
        "texts_per_second": rung.texts_per_second,
        "megabytes": rung.megabytes,
        "remarks": list(rung.remarks),
    }
