"""The result of a comparison of several families on the same splits, as in `comparison.json`."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wordgate.evaluation.intervals import Bools, Floats, PairedDifference
from wordgate.evaluation.metrics import Epoch, Scores
from wordgate.evaluation.multilabel import MultilabelScores
from wordgate.families import FAMILIES
from wordgate.runtime.display import html_table

TAUGHT_LSTM = "taught"
"""Name of the distilled LSTM in comparisons."""
COMPARED = tuple(
    name
    for family in FAMILIES
    for name in ((family, TAUGHT_LSTM) if family == "lstm" else (family,))
)
"""Models that can be compared, the simplest first."""


def summary_of(name: str) -> str:
    """Describe one of `COMPARED` in a line."""
    if name == TAUGHT_LSTM:
        return (
            "An LSTM distilled from a larger model: it learns from its predictions and the labels."
        )
    return FAMILIES[name].summary if name in FAMILIES else ""


def family_of(name: str) -> str:
    """Return the family of one of `COMPARED`."""
    return "lstm" if name == TAUGHT_LSTM else name


@dataclass(frozen=True)
class ModelResult:
    """Predictions, scores and costs of one family on one kind of split.

    Attributes:
        family: The family.
        kind: The kind of split: ``grouped``, ``random`` or ``given``.
        scores: The scores on all test rows.
        correct: bool [n], whether each test row is classified correctly; with several labels per
            text, whether all of its labels are.
        log_proba: float64 [n, classes], log-probabilities after temperature scaling.
        uncalibrated: float64 [n, classes], log-probabilities before temperature scaling.
        train_seconds: Training time in seconds, mean over the folds.
        texts_per_second: Prediction speed, from strings to probabilities, mean over the folds.
        megabytes: Size of the largest model, in 10^6 bytes.
        temperature: The temperature of the calibration; None if each fold has its own.
        history: One entry per epoch; empty for a family without epochs, and with folds.
        best_epoch: The best epoch, from 1; 0 without epochs.
        remarks: Remarks about these runs.
        thresholds: The minimum probability of each predicted label, float64 [labels], or
            [n, labels] if each fold has its own; None if none were chosen.
        given: bool [n, labels], the predicted labels; None with one label per text.
    """

    family: str
    kind: str
    scores: Scores | MultilabelScores
    correct: Bools
    log_proba: Floats
    uncalibrated: Floats
    train_seconds: float
    texts_per_second: float
    megabytes: float
    temperature: float | None = None
    history: tuple[Epoch, ...] = ()
    best_epoch: int = 0
    remarks: tuple[str, ...] = ()
    thresholds: Floats | None = None
    given: Bools | None = None

    def to_json(self) -> dict[str, object]:
        """Return the result as JSON values, without predictions and epochs."""
        return {
            "family": self.family,
            "kind": self.kind,
            "scores": self.scores.model_dump(mode="json"),
            "train_seconds": self.train_seconds,
            "texts_per_second": self.texts_per_second,
            "megabytes": self.megabytes,
            "remarks": list(self.remarks),
        }


@dataclass(frozen=True)
class PairedTest:
    """The comparison of a family with the next simpler one on the same test rows.

    Attributes:
        family: The family.
        simpler: The family it is compared with.
        kind: The kind of split.
        difference: The accuracy of `family` minus that of `simpler` (with several labels per text,
            the micro F1):
            `difference`, the ends `low` and `high` of its 95% interval (cluster bootstrap, Field &
            Welsh 2007), the `p_value` of a randomization test by group, and `method`.
        macro_f1: The difference of macro F1, likewise; None unless labels are skewed.
    """

    family: str
    simpler: str
    kind: str
    difference: PairedDifference
    macro_f1: PairedDifference | None = None

    def to_json(self) -> dict[str, object]:
        """Return the test as JSON values."""
        names = {"family": self.family, "simpler": self.simpler, "kind": self.kind}
        macro_f1 = None if self.macro_f1 is None else self.macro_f1.model_dump(mode="json")
        return {**names, **self.difference.model_dump(mode="json"), "macro_f1": macro_f1}


@dataclass(frozen=True)
class Recommendation:
    """The recommended model of a comparison.

    Attributes:
        family: The recommended family.
        sentences: The recommendation, and a remark on it.
        tied: The families that are not significantly worse than the best one, which is among
            them; the simplest first.
    """

    family: str
    sentences: tuple[str, str]
    tied: tuple[str, ...] = ()


@dataclass(frozen=True)
class Comparison:
    """The result of `wordgate.compare`: models of several families on the same splits.

    Attributes:
        source: The source of the data.
        families: The families, the simplest first.
        kinds: The kinds of split: ``random``, ``grouped`` or ``given``.
        folds: The number of folds of a cross-validation; None for a single split.
        seed: The random seed.
        recipe: The name of the recipe.
        vectors: The file of pretrained word vectors; None without one.
        results: A `ModelResult` for each family and kind of split.
        paired_tests: A `PairedTest` of each family with the next simpler one.
        leaks: For each kind of split, a sentence on the test rows that were seen during training.
        left_out: Families that were left out, and why.
        recommendation: The recommended `family`, and `sentences`; None until all models are
            finished.
        environment: Versions of the libraries.
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
        """Show the main score of each result."""
        scores = [f"{r.family} ({r.kind}) {r.scores.main.value or 0.0:.3f}" for r in self.results]
        return f"Comparison({', '.join(scores)})"

    def _repr_html_(self) -> str:
        rows = []
        for result in self.results:
            main, macro_f1 = result.scores.main, result.scores.macro_f1
            value, f1 = ("–" if one is None else f"{one:.3f}" for one in (main.value, macro_f1))
            rows.append((f"{result.family}, {result.kind}", value, str(main.interval), f1))
        chosen = self.recommendation
        name = self.results[0].scores.main.name if self.results else "accuracy"
        return html_table(
            f"Comparison on {Path(self.source).name}",
            rows,
            ("family, split", name, "95% interval", "macro F1"),
            "" if chosen is None else " ".join(chosen.sentences),
        )

    def result(self, family: str, kind: str) -> ModelResult | None:
        """Return the result of a family on a kind of split; None if there is none yet."""
        results = (one for one in self.results if (one.family, one.kind) == (family, kind))
        return next(results, None)

    def paired_test(self, family: str, kind: str) -> PairedTest | None:
        """Return the test of a family against the next simpler one; None for the simplest."""
        tests = (one for one in self.paired_tests if (one.family, one.kind) == (family, kind))
        return next(tests, None)

    def to_json(self) -> dict[str, object]:
        """Return the comparison as JSON values, as `comparison.json` has it."""
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
