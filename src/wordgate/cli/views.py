"""Results as a terminal shows them. Every function gives a string; the commands print it."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from wordgate.bundle.config import Config
from wordgate.bundle.metrics import Baseline, CrossValidation, Metrics, TeacherFacts
from wordgate.evaluation.selective_prediction import abstention_sentences
from wordgate.report.text import (
    classification_report,
    confusion_table,
    family_name,
    format_interval,
    format_share,
    leak_warning,
    verdict,
)
from wordgate.runtime.display import escaped
from wordgate.settings import flattened

if TYPE_CHECKING:
    from wordgate.bundle.folder import BundleFolder
    from wordgate.experiments.evaluate import Evaluation, Seen
    from wordgate.experiments.train import Training


def training_view(training: "Training") -> str:
    """Show what a training came to: report, baselines, verdict, leak, costs."""
    metrics, family = training.metrics, training.bundle.config.family
    parts = [
        classification_report(metrics),
        confusion_table(metrics),
        scores_beside_baselines(family, metrics),
        f"{verdict(family, metrics.difference_to_count)}\n{leak_warning(metrics.split)}",
        *(f"Note: {remark}" for remark in training.remarks),
        *metrics.sentences("teacher", "vectors"),
        "\n".join(calibration_sentences(metrics)),
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
        interval = format_interval(evaluation.unseen.intervals.accuracy)
        parts.append(
            f"On the {evaluation.unseen.n:,} unseen rows alone: accuracy"
            f" {evaluation.unseen.accuracy:.3f}, 95 % interval {interval}"
            f" (all rows: {evaluation.scores.accuracy:.3f})."
        )
    return "\n\n".join(parts)


def info_view(folder: "BundleFolder", config: Config, metrics: Metrics | None) -> str:
    """Show a model's card."""
    name = family_name(config.family)
    versions = ", ".join(f"{package} {version}" for package, version in config.environment.items())
    settings = ", ".join(f"{key}={_as_set(value)}" for key, value in flattened(config.settings))
    lines = [
        f"{folder.path}: {name}, {_size(folder.size())}",
        f"labels: {', '.join(config.labels)}",
        _data(config),
        *([] if (form := config.text_form()) is None else [f"texts: written as {form}"]),
        f"recipe: {config.recipe}, seed {config.seed}",
        *([f"settings: {settings}"] if settings else []),
        f"trained with: {versions}",
        *(f"Note: {note}." for note in config.notes()),
        *_evaluation(folder, config, metrics),
    ]
    return "\n".join(map(one_line, lines))


def _data(config: Config) -> str:
    if not config.knows_training():
        return f"data: unknown; the model was imported from {config.data.get('source')}"
    return f"data: {config.data.get('source')}, {config.data.get('n_kept')} rows"


def _evaluation(folder: "BundleFolder", config: Config, metrics: Metrics | None) -> list[str]:
    if metrics is None and "metrics.json" in folder.files:
        return ["Its scores are not known any more: metrics.json was changed or lost."]
    if metrics is None:
        return ["It was never evaluated on test rows."]
    return [
        f"split: {metrics.split.reason}",
        leak_warning(metrics.split),
        *(f"Note: {remark}" for remark in (*metrics.split.warnings, *metrics.remarks)),
        "",
        *scores_beside_baselines(config.family, metrics).splitlines(),
        "",
        verdict(config.family, metrics.difference_to_count),
        *metrics.sentences("teacher", "vectors"),
        *calibration_sentences(metrics),
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


def scores_beside_baselines(family: str, metrics: Metrics) -> str:
    """Show the model's scores below those of its baselines."""
    teacher = metrics.teacher
    rows = [
        ("on the test rows", "accuracy", "macro F1", "log loss", "95 % interval of accuracy"),
        ("most frequent label", *_scores(metrics.baselines.majority)),
        ("word counts + logistic regression", *_scores(metrics.baselines.count)),
    ]
    if teacher is not None:
        rows.append((f"its teacher ({one_line(teacher.name):.19})", *_scores(teacher)))
    interval = format_interval(metrics.intervals.accuracy)
    rows.append((f"this model ({family_name(family)})", *_scores(metrics), interval))
    return "\n".join(_baseline_line(*row) for row in rows)


def folds_view(validation: CrossValidation) -> str:
    """Show each fold's scores, their accuracy over all rows, and its interval."""
    lines = [f"{'cross-validation':<20}{'test rows':>12}{'accuracy':>12}{'macro F1':>12}"]
    for number, fold in enumerate(validation.folds, start=1):
        scores = f"{fold.accuracy:>12.3f}{format_share(fold.macro_f1):>12}"
        lines.append(f"{f'fold {number}':<20}{fold.n_test:>12,}{scores}")
    n_rows = sum(fold.n_test for fold in validation.folds)
    lines.append(f"{'all rows':<20}{n_rows:>12,}{validation.accuracy:>12.3f}")
    lines.append(
        f"95 % interval {format_interval(validation.interval)}, groups resampled. Each row was"
        " tested once, by a model that saw none of its group; the model kept is that of the"
        " ordinary split."
    )
    return "\n".join(lines)


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


def calibration_sentences(metrics: Metrics) -> list[str]:
    """Say how well calibrated probabilities are, and what --abstain-below would give."""
    return [*metrics.sentences("calibration"), *abstention_sentences(metrics.coverage or ())]


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


def _scores(one: Metrics | Baseline | TeacherFacts) -> tuple[str, str, str]:
    return format_share(one.accuracy), format_share(one.macro_f1), format_share(one.log_loss)


def _baseline_line(name: str, *cells: str) -> str:
    numbers = "".join(f"{cell:>10}" for cell in cells[:3])
    return f"{name:<34}{numbers}{''.join(f'   {cell}' for cell in cells[3:])}".rstrip()
