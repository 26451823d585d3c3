"""`wordgate info`: a model's card in a terminal."""

from typing import TYPE_CHECKING

import click

from wordgate.cli.options import FILE_NAME, json_option
from wordgate.cli.streams import print_json, warn_of_changes, write_result

if TYPE_CHECKING:
    from wordgate.bundle.config import Config
    from wordgate.bundle.folder import BundleFolder
    from wordgate.bundle.metrics import Metrics


@click.command(short_help="Describe a model and its scores.")
@click.argument("bundle", type=FILE_NAME)
@json_option
def info(bundle: str, *, as_json: bool) -> None:
    """Describe the model in BUNDLE: data, split, scores, settings, sizes."""
    from wordgate.bundle.folder import BundleFolder

    folder = BundleFolder.open(bundle)
    config, changed = folder.config(), folder.changed_files()
    metrics = None if "metrics.json" in changed else folder.metrics()
    warn_of_changes(bundle, changed)
    if not as_json:
        write_result(_format_model(folder, config, metrics))
        return
    print_json(
        {
            "config": config.model_dump(mode="json"),
            "metrics": None if metrics is None else metrics.model_dump(mode="json"),
            "bytes": folder.size(),
            "changed_files": changed,
        }
    )


def _format_model(folder: "BundleFolder", config: "Config", metrics: "Metrics | None") -> str:
    from wordgate.report.text import family_name
    from wordgate.runtime.display import one_line
    from wordgate.settings import flattened

    versions = ", ".join(f"{package} {version}" for package, version in config.environment.items())
    settings = ", ".join(f"{key}={_as_set(value)}" for key, value in flattened(config.settings))
    size = folder.size()
    data = f"{config.data.get('source')}, {config.data.get('n_kept')} rows"
    if not config.knows_training():
        data = f"unknown; the model was imported from {config.data.get('source')}"
    lines = [
        f"{folder.path}: {family_name(config.family)},"
        f" {f'{size / 1e6:.1f} MB' if size >= 1e5 else f'{size / 1e3:.0f} kB'}",
        f"labels: {', '.join(config.labels)}",
        *_decision(config),
        f"data: {data}",
        *([] if (form := config.text_form()) is None else [f"texts: written as {form}"]),
        f"recipe: {config.recipe}, seed {config.seed}",
        *([f"settings: {settings}"] if settings else []),
        f"trained with: {versions}",
        *(f"Note: {note}." for note in config.notes()),
    ]
    if metrics is not None:
        lines += _evaluation(config, metrics)
    elif "metrics.json" in folder.files:
        lines.append("Its scores are not known any more: metrics.json was changed or lost.")
    else:
        lines.append("It was never evaluated on test rows.")
    return "\n".join(map(one_line, lines))


def _decision(config: "Config") -> list[str]:
    """Say how labels follow from probabilities, where that is not by the most probable one."""
    from wordgate.prediction.decision import DecisionRule

    thresholds = DecisionRule.of(config).thresholds
    if thresholds is None:
        return []
    if not config.multilabel:
        return [f"threshold: {config.labels[1]} from a probability of {thresholds[1]:.3g} on"]
    shown = ", ".join(
        f"{label} {value:.3g}" for label, value in zip(config.labels, thresholds, strict=True)
    )
    return [f"labels a text: any number, each from a probability on: {shown}"]


def _evaluation(config: "Config", metrics: "Metrics") -> list[str]:
    from wordgate.report import text

    return [
        f"split: {metrics.split.reason}",
        text.leak_warning(metrics.split),
        *(f"Note: {remark}" for remark in (*metrics.split.warnings, *metrics.remarks)),
        "",
        *text.scores_beside_baselines(config.family, metrics).splitlines(),
        "",
        text.verdict(config.family, metrics),
        *metrics.sentences("teacher", "vectors"),
        *text.calibration_sentences(metrics),
        text.costs(metrics),
    ]


def _as_set(value: object) -> str:
    """Write a setting's value as `--set` takes it."""
    if isinstance(value, list):
        return "+".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
