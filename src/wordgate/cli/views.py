"""Results as a terminal shows them. Every function gives a string; the commands print it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from wordgate.bundle.config import Config
from wordgate.bundle.metrics import Metrics
from wordgate.evaluation.coverage import CoveragePoint, abstention_sentences
from wordgate.evaluation.report_text import UNDEFINED, classification_report, confusion_table
from wordgate.report.figures import span
from wordgate.runtime.display import escaped
from wordgate.workflows.verdicts import family_name, leak, verdict

if TYPE_CHECKING:
    from wordgate.bundle.folder import BundleFolder
    from wordgate.workflows.evaluate import Evaluation, Seen
    from wordgate.workflows.train import Training


def training_view(training: "Training") -> str:
    """Show what a training came to: report, ladder, verdict, leak, costs."""
    metrics, family = training.metrics, training.bundle.config.family
    parts = [
        classification_report(training.scores),
        confusion_table(training.scores),
        ladder(family, metrics),
        "\n".join([*verdict(family, metrics.difference_to_count), leak(metrics.split)]),
        *(f"Note: {remark}" for remark in training.remarks),
        *metrics.teacher_told(),
        *metrics.word_vectors_told(),
        "\n".join(belief(metrics)),
        costs(metrics),
    ]
    return "\n\n".join(filter(None, parts))


def evaluation_view(evaluation: "Evaluation") -> str:
    """Show what a model came to on a file, memory first."""
    parts = [
        memory(evaluation.seen),
        classification_report(evaluation.scores),
        confusion_table(evaluation.scores),
    ]
    if evaluation.unseen is not None:
        interval = evaluation.unseen.intervals["accuracy"]
        parts.append(
            f"On the {evaluation.unseen.n:,} unseen rows alone: accuracy"
            f" {evaluation.unseen.accuracy:.3f}, 95 % interval {span(interval.low, interval.high)}"
            f" (all rows: {evaluation.scores.accuracy:.3f})."
        )
    return "\n\n".join(parts)


def info_view(folder: "BundleFolder", config: Config, metrics: Metrics | None) -> str:
    """Show a model's card."""
    name = family_name(config.family)
    versions = ", ".join(f"{package} {version}" for package, version in config.environment.items())
    settings = ", ".join(f"{key}={_as_set(value)}" for key, value in config.settings.items())
    lines = [
        f"{folder.path}: {name}, {_size(folder.size())}",
        f"labels: {', '.join(config.labels)}",
        _data(config),
        *([] if (form := config.text_form()) is None else [f"texts: written as {form}"]),
        f"recipe: {config.recipe}, seed {config.seed}",
        *([f"settings: {settings}"] if settings else []),
        f"trained with: {versions}",
        *(f"Note: {note}." for note in config.notes()),
        *_worth(folder, config, metrics),
    ]
    return "\n".join(map(one_line, lines))


def _data(config: Config) -> str:
    if not config.knows_training():
        return f"data: unknown; the model was imported from {config.data.get('source')}"
    return f"data: {config.data.get('source')}, {config.data.get('n_kept')} rows"


def _worth(folder: "BundleFolder", config: Config, metrics: Metrics | None) -> list[str]:
    if metrics is None and "metrics.json" in folder.files:
        return ["What it is worth is not known any more: metrics.json was changed or lost."]
    if metrics is None:
        return ["It was never judged on test rows."]
    return [
        f"split: {metrics.split.reason}",
        leak(metrics.split),
        *(f"Note: {remark}" for remark in (*metrics.split.warnings, *metrics.remarks)),
        "",
        *ladder(config.family, metrics).splitlines(),
        "",
        *verdict(config.family, metrics.difference_to_count),
        *metrics.teacher_told(),
        *metrics.word_vectors_told(),
        *belief(metrics),
        costs(metrics),
    ]


def change_warnings(bundle: str, names: Iterable[str]) -> list[str]:
    """Warn of files of a bundle that are not as they were written."""
    return [
        f"wordgate: warning: {bundle}/{name} was changed or lost; predictions don't depend on it"
        for name in names
    ]


def one_line(text: str) -> str:
    r"""Keep a text from moving the cursor: line breaks and control characters become ``\x1b``."""
    return escaped(text, keep="\t")


def ladder(family: str, metrics: Metrics) -> str:
    """Show the model below its baselines."""
    majority, count = metrics.baselines.majority, metrics.baselines.count
    interval = metrics.intervals.accuracy
    name = family_name(family)
    rows = [
        ("on the test rows", "accuracy", "macro F1", "log loss", "95 % interval of accuracy"),
        ("most frequent label", *_scores(majority.accuracy, majority.macro_f1, majority.log_loss)),
        (
            "word counts + logistic regression",
            *_scores(count.accuracy, count.macro_f1, count.log_loss),
        ),
        *_teacher_row(metrics),
        (
            f"this model ({name})",
            *_scores(metrics.accuracy, metrics.macro_f1, metrics.log_loss),
            span(interval.low, interval.high),
        ),
    ]
    return "\n".join(_ladder_line(row) for row in rows)


def _teacher_row(metrics: Metrics) -> list[tuple[str, ...]]:
    teacher = metrics.teacher
    if teacher is None:
        return []
    scores = _scores(teacher.accuracy, teacher.macro_f1, teacher.log_loss)
    return [(f"its teacher ({one_line(teacher.name):.19})", *scores)]


def memory(seen: "Seen | None") -> str:
    """Say how much of a file had a part in the model's training."""
    if seen is None:
        return (
            "It can't be told which of these rows had a part in the model's training, since the"
            " model was imported without its training texts: on such rows a score is memory."
        )
    if seen.rows == 0:
        return f"None of these {seen.n:,} rows had a part in the model's training."
    ways = [f"{seen.texts:,} by their text", f"{seen.near_copies:,} by it or a near copy of it"]
    if seen.groups is not None:
        ways.append(f"{seen.groups:,} by their group")
    rows = f"All {seen.n:,}" if seen.rows == seen.n else f"{seen.rows:,} of these {seen.n:,}"
    return (
        f"{rows} rows had a part in the model's training ({', '.join(ways)}):"
        " on them a score is memory."
    )


def belief(metrics: Metrics) -> list[str]:
    """Say how far probabilities can be believed, and what --abstain-below buys."""
    points = [CoveragePoint(**point.model_dump()) for point in metrics.coverage or ()]
    return [*metrics.calibration_told(), *(abstention_sentences(points) if points else ())]


def costs(metrics: Metrics) -> str:
    """Say what the training took."""
    epochs = f" for {metrics.epochs} epochs (best: {metrics.best_epoch})" if metrics.epochs else ""
    return (
        f"Trained in {metrics.train_seconds:.1f} s{epochs}; {metrics.wall_seconds:.1f} s in all,"
        f" {metrics.peak_memory_mb:,.0f} MB at most."
    )


def _as_set(value: object) -> str:
    """Write a setting's value as `--set` takes it."""
    if isinstance(value, list):
        return "+".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _size(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.1f} MB" if n_bytes >= 1e5 else f"{n_bytes / 1e3:.0f} kB"


def _scores(accuracy: float, macro_f1: float | None, log_loss: float) -> tuple[str, str, str]:
    return (
        f"{accuracy:.3f}",
        UNDEFINED if macro_f1 is None else f"{macro_f1:.3f}",
        f"{log_loss:.3f}",
    )


def _ladder_line(cells: tuple[str, ...]) -> str:
    name, *numbers = cells
    return (
        f"{name:<34}"
        + "".join(f"{number:>10}" for number in numbers[:3])
        + "".join(f"   {number}" for number in numbers[3:])
    ).rstrip()
