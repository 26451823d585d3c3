"""`wordgate info`: the description of a model in a terminal."""

from typing import TYPE_CHECKING

import click

from wordgate.cli import params
from wordgate.cli.streams import print_json, warn_of_changes, wrapped, write_result

if TYPE_CHECKING:
    from wordgate.bundle.config import Config
    from wordgate.bundle.folder import BundleFolder
    from wordgate.bundle.metrics import AnyMetrics


@click.command(short_help="Describe a model and its scores.")
@click.argument("bundle", type=params.FILE, metavar="MODEL")
@params.as_json
def info(bundle: str, *, as_json: bool) -> None:
    """Describe the model in the folder MODEL: data, split, scores, settings, sizes."""
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


def _format_model(folder: "BundleFolder", config: "Config", metrics: "AnyMetrics | None") -> str:
    from wordgate.report.text import family_name
    from wordgate.runtime.display import counted, in_list, one_line, shown_size

    versions = ", ".join(f"{package} {version}" for package, version in config.environment.items())
    source, n_rows = config.data.get("source"), config.n_rows()
    data = f"{source}, {'rows unknown' if n_rows is None else counted(n_rows, 'row')}"
    if not config.knows_training():
        data = f"unknown; the model was imported from {source}"
    lines = [
        f"{folder.path}: {family_name(config.family)} model, {shown_size(folder.size())}",
        f"labels: {', '.join(map(in_list, config.labels))}",
        *_decision(config),
        f"data: {data}",
        *([] if (form := config.text_form()) is None else [f"texts: written as {form}"]),
        f"recipe: {config.recipe}, seed {config.seed}",
        *_settings(config),
        f"trained with: {versions}",
        *(f"Note: {note}." for note in config.notes()),
    ]
    if metrics is not None:
        lines += _evaluation(config, metrics)
    elif "metrics.json" in folder.files:
        lines.append("Its scores are unknown: metrics.json was changed or is missing.")
    else:
        lines.append("It was not evaluated on test rows.")
    return "\n".join(wrapped(one_line(line), indent=4) for line in lines)


def _decision(config: "Config") -> list[str]:
    """Describe the decision thresholds; empty if the most probable label is predicted."""
    from wordgate.prediction.decision import DecisionRule
    from wordgate.runtime.display import in_list

    thresholds = DecisionRule.of(config).thresholds
    if thresholds is None:
        return []
    if not config.multilabel:
        return [f"threshold: {config.labels[1]} if its probability is at least {thresholds[1]:.3g}"]
    shown = ", ".join(
        f"{in_list(label)} {value:.3g}"
        for label, value in zip(config.labels, thresholds, strict=True)
    )
    return [f"labels per text: any number; thresholds: {shown}"]


def _evaluation(config: "Config", metrics: "AnyMetrics") -> list[str]:
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
        *metrics.threshold_sentences(),
        text.costs(metrics),
    ]


def _settings(config: "Config") -> list[str]:
    """Format the settings of the user, and those that the family reads, a line for each table."""
    from wordgate.families import FAMILIES
    from wordgate.settings import flattened, format_setting

    values, family = dict(flattened(config.settings)), FAMILIES.get(config.family)
    tables: dict[str, list[str]] = {}
    for name, value in values.items():
        if family is None or family.reads(name):
            table, _, short = name.rpartition(".")
            tables.setdefault(table, []).append(f"{short}={format_setting(value)}")
    if not tables:
        return []
    lines = [f"  {f'{name}: ' if name else ''}{', '.join(row)}" for name, row in tables.items()]
    return [*_set_by_user(config, values), "settings:", *lines]


def _set_by_user(config: "Config", values: "dict[str, object]") -> list[str]:
    """Format the settings that the user set, with those of the recipe; empty if unknown."""
    from wordgate.settings import format_setting, load_settings, recipe_names

    if config.set_by_user is None:
        return []
    recipe = load_settings(config.recipe).flat() if config.recipe in recipe_names() else {}
    parts = []
    for name in config.set_by_user:
        value, of_recipe = values.get(name), recipe.get(name)
        differs = name in recipe and of_recipe != value
        note = f" (recipe: {format_setting(of_recipe)})" if differs else ""
        parts.append(f"{name}={format_setting(value)}{note}")
    return [f"changed settings: {', '.join(parts) or 'none'}"]
