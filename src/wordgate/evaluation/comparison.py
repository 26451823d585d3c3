"""A comparison of models of several families on the same splits, as `comparison.json` has it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wordgate.evaluation.intervals import PairedDifference, paired_difference
from wordgate.evaluation.metrics import Epoch, Scores
from wordgate.evaluation.multilabel import MultilabelScores, paired_f1_difference
from wordgate.families import FAMILIES

TAUGHT_LSTM = "taught"
"""The name in a comparison of an LSTM that learned from a teacher."""
COMPARED = tuple(
    name
    for family in FAMILIES
    for name in ((family, TAUGHT_LSTM) if family == "lstm" else (family,))
)
"""All that can be compared, the simplest first."""


def family_of(name: str) -> str:
    """Give the family of one of `COMPARED`."""
    return "lstm" if name == TAUGHT_LSTM else name


@dataclass(frozen=True)
class ModelResult:
    """Predictions, scores and costs of a family's models on one kind of split.

    Attributes:
        family: The family of the models.
        kind: The kind of split: ``grouped``, ``random`` or ``given``.
        scores: On all test rows.
        correct: bool [n], which of them are classified correctly; with several labels a text, all
            of their labels.
        log_proba: float64 [n, classes], as the models that ship give them.
        uncalibrated: float64 [n, classes], before temperature scaling.
        train_seconds: Of fitting, in the mean over the folds.
        texts_per_second: Texts predicted a second, from strings, in the mean over the folds.
        megabytes: The largest model's size, in 10^6 bytes.
        temperature: What divides the log-probabilities; None where each fold has its own.
        history: The epochs; none for a family that has none, and where folds have their own.
        best_epoch: The one that was kept, from 1; 0 without epochs.
        remarks: What a user should know about these runs.
        given: bool [n, labels], the labels given; None of one label a text.
    """

    family: str
    kind: str
    scores: Scores | MultilabelScores
    correct: NDArray[np.bool_]
    log_proba: NDArray[np.float64]
    uncalibrated: NDArray[np.float64]
    train_seconds: float
    texts_per_second: float
    megabytes: float
    temperature: float | None = None
    history: tuple[Epoch, ...] = ()
    best_epoch: int = 0
    remarks: tuple[str, ...] = ()
    given: NDArray[np.bool_] | None = None

    def to_json(self) -> dict[str, object]:
        """Give it as plain JSON values, without its predictions and epochs."""
        costs = ("train_seconds", "texts_per_second", "megabytes")
        return {
            "family": self.family,
            "kind": self.kind,
            "scores": self.scores.model_dump(mode="json"),
            **{name: getattr(self, name) for name in costs},
            "remarks": list(self.remarks),
        }


def paired_results(
    result: ModelResult,
    other: ModelResult,
    groups: Sequence[str] | None,
    targets: NDArray[np.int64],
    *,
    seed: int,
) -> PairedDifference:
    """Compare two families on the same rows: by accuracy, or micro F1 of several labels a text.

    Args:
        result: A family's result.
        other: That of the one it is compared with.
        groups: The group of each test row.
        targets: int64 [n] or [n, labels], the true labels of the test rows.
        seed: Of the draws.
    """
    if result.given is None or other.given is None:
        return paired_difference(result.correct, other.correct, groups, seed=seed)
    return paired_f1_difference(targets, result.given, other.given, groups, seed=seed)


@dataclass(frozen=True)
class PairedTest:
    """One family against the next simpler one on the same rows.

    Attributes:
        family: The family.
        simpler: The family it is compared with.
        kind: The kind of split.
        difference: Accuracy of `family` less accuracy of `simpler`, paired by group; with several
            labels a text, of micro F1.
    """

    family: str
    simpler: str
    kind: str
    difference: PairedDifference

    def to_json(self) -> dict[str, object]:
        """Give it as plain JSON values."""
        names = {"family": self.family, "simpler": self.simpler, "kind": self.kind}
        return {**names, **self.difference.model_dump(mode="json")}


@dataclass(frozen=True)
class Recommendation:
    """Which model of a comparison to use.

    Attributes:
        family: The family to use.
        sentences: That, and what else to know before using it.
    """

    family: str
    sentences: tuple[str, str]


@dataclass(frozen=True)
class Comparison:
    """Models of several families on the same splits.

    Attributes:
        source: Where the data came from.
        families: The families, the simplest first.
        kinds: The kinds of split.
        folds: In how many folds each row was tested once; None for one ordinary split.
        seed: The run's seed.
        recipe: The recipe's name.
        vectors: The file of pretrained word vectors; None if there was none.
        results: One for each family and kind that has been run.
        paired_tests: Each family against the next simpler one.
        leaks: A sentence for each kind: how many test rows could be known from training.
        left_out: Families that could not take part, and why.
        recommendation: What to use, in two sentences; None until all is run.
        environment: Versions of what trained.
    """

    source: str
    families: tuple[str, ...]
    kinds: tuple[str, ...]
    folds: int | None
    seed: int
    recipe: str
    vectors: str | None
    results: tuple[ModelResult, ...] = ()
    paired_tests: tuple[PairedTest, ...] = ()
    leaks: Mapping[str, str] | None = None
    left_out: tuple[str, ...] = ()
    recommendation: Recommendation | None = None
    environment: Mapping[str, str] | None = None

    def __repr__(self) -> str:
        """Name each result's main score: all that it holds is too much for a line."""
        scores = [f"{r.family} ({r.kind}) {r.scores.main.value or 0.0:.3f}" for r in self.results]
        return f"Comparison({', '.join(scores)})"

    def result(self, family: str, kind: str) -> ModelResult | None:
        """Find a family's result on a kind of split; None where it has not been run yet."""
        found = (one for one in self.results if (one.family, one.kind) == (family, kind))
        return next(found, None)

    def paired_test(self, family: str, kind: str) -> PairedTest | None:
        """Find a family's test against the next simpler one; None for the simplest."""
        found = (one for one in self.paired_tests if (one.family, one.kind) == (family, kind))
        return next(found, None)

    def to_json(self) -> dict[str, object]:
        """Give all of it as plain JSON values."""
        chosen = self.recommendation
        run = ("source", "families", "kinds", "folds", "seed", "recipe", "vectors")
        return {
            "schema_version": 1,
            **{name: getattr(self, name) for name in run},
            "results": [result.to_json() for result in self.results],
            "paired_tests": [test.to_json() for test in self.paired_tests],
            "leaks": dict(self.leaks or {}),
            "left_out": self.left_out,
            "recommended": None if chosen is None else chosen.family,
            "recommendation": [] if chosen is None else chosen.sentences,
            "environment": dict(self.environment or {}),
        }
