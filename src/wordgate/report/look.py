"""A look at one model's answers: pictures and tables, wherever they stand."""

from collections.abc import Sequence
from dataclasses import dataclass

from wordgate.evaluation.coverage import abstention_sentences
from wordgate.report import look_figures as figures
from wordgate.report.figures import Figure, Table
from wordgate.report.findings import Findings, JudgedRow, Learning


@dataclass(frozen=True)
class Look:
    """What the template lays out.

    Attributes:
        labels: Pictures of every label, and of which is taken for which.
        temperature: What the temperature is, in a sentence.
        calibration: How far probabilities can be believed.
        belief: The same in pictures, and what abstaining buys.
        abstention: How to choose a threshold, in sentences.
        slices: Pictures of where it is good, and where it is not.
        mistakes: What it was surest of, and wrong.
        suspects_told: What was found of labels that are probably wrong.
        suspects: Such rows.
        has_texts: Whether rows come with their texts.
        learning: Pictures of how it learned; none for families without epochs.
        learning_told: The same in a sentence.
        remarks: What a user should know about its training.
    """

    labels: Sequence[Figure]
    temperature: str
    calibration: Table
    belief: Sequence[Figure]
    abstention: Sequence[str]
    slices: Sequence[Figure]
    mistakes: Sequence[JudgedRow]
    suspects_told: str
    suspects: Sequence[JudgedRow]
    has_texts: bool
    learning: Sequence[Figure]
    learning_told: str
    remarks: Sequence[str]


def look_at(findings: Findings, learning: Learning) -> Look:
    """Draw and word what was found."""
    return Look(
        labels=[figures.label_figure(findings), figures.confusion_figure(findings)],
        temperature=_temperature(findings),
        calibration=_calibration(findings),
        belief=[figures.reliability_figure(findings), figures.coverage_figure(findings)],
        abstention=abstention_sentences(findings.coverage),
        slices=[
            figures.slice_figure("By the length of a text", "words", findings.by_length,
                                 "Words of a text, in bins of about as many rows."),
            figures.slice_figure("By the share of words new to it", "unseen", findings.by_unseen,
                                 "Words of a text that stand in no training text."),
        ],
        mistakes=findings.mistakes,
        suspects_told=findings.suspects_told,
        suspects=findings.suspects,
        has_texts=findings.has_texts,
        learning=figures.learning_figures(learning),
        learning_told=_learning_told(learning),
        remarks=learning.remarks,
    )  # fmt: skip


def _calibration(findings: Findings) -> Table:
    named = [("as told", findings.after)] if findings.before is None else [
        ("before", findings.before), ("after", findings.after)]  # fmt: skip
    rows = [[name, f"{one.ece:.3f}", f"{one.brier:.3f}", f"{one.log_loss:.3f}"]
            for name, one in named]  # fmt: skip
    return Table(("", "calibration error", "Brier score", "log loss"), rows)


def _temperature(findings: Findings) -> str:
    if findings.before is None:
        return "The probabilities are the model's own; no temperature was fitted."
    if findings.temperature is None:
        return (
            "Each fold's log-probabilities are divided by a temperature of its own, fitted on its"
            " validation rows. That changes no answer."
        )
    way = "too sure" if findings.temperature > 1 else "not sure enough"
    return (
        f"The model was {way} of itself: its log-probabilities are divided by a temperature of"
        f" {findings.temperature:.2f}, fitted on the validation rows. That changes no answer."
    )


def _learning_told(learning: Learning) -> str:
    n = len(learning.history)
    return (
        f"{n} {'epoch' if n == 1 else 'epochs'}; the model is that of epoch {learning.best_epoch}."
        " Accuracy on training rows is measured on the way, with dropout."
    )
