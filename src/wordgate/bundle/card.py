"""The model card: the `README.md` inside a bundle (Mitchell et al. 2019)."""

import json
import shlex

from wordgate.bundle.config import Config
from wordgate.bundle.metrics import Metrics


def model_card(config: Config, metrics: Metrics | None) -> str:
    """Tell in Markdown what the model is, what it was trained on, and how it scores."""
    sections = [
        _heading(config),
        _evaluation(config, metrics),
        _data(config, metrics),
        _use(config),
    ]
    return "\n".join(sections)


def _heading(config: Config) -> str:
    labels = ", ".join(f"`{label}`" for label in config.labels)
    number = "any number" if config.multilabel else "one"
    return (
        f"# A wordgate model: {config.family}\n\n"
        f"It gives a text {number} of {len(config.labels)} labels: {labels}.\n"
    )


def _evaluation(config: Config, metrics: Metrics | None) -> str:
    if metrics is None:
        return "## Evaluation\n\nIt has not been evaluated on test rows.\n"
    interval = metrics.intervals.accuracy
    rows = [
        ("accuracy", _share(metrics.accuracy)),
        ("95 % interval", f"{_share(interval.low)} to {_share(interval.high)}"),
        ("macro F1", _share(metrics.macro_f1)),
        ("log loss", f"{metrics.log_loss:.3f}"),
        *(
            (f"accuracy of {name}", _share(one.accuracy))
            for name, one in metrics.baselines.to_beat(config.family)
        ),
    ]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return (
        f"## Evaluation\n\nOn {metrics.n:,} test rows.\n\n"
        f"| | |\n|---|---|\n{table}\n\nThe interval: {interval.method}.\n"
    )


def _data(config: Config, metrics: Metrics | None) -> str:
    rows = config.data.get("n_kept") if config.knows_training() else "unknown, as it was imported"
    lines = [f"- source: {config.data.get('source')}", f"- rows: {rows}"]
    lines += [f"- {role}: {', '.join(names)}" for role, names in config.columns().items()]
    lines += [f"- {note}" for note in config.notes()]
    if metrics is not None:
        split = metrics.split
        lines += [
            f"- {split.reason}",
            f"- {split.leakage()}",
            *(f"- {remark}" for remark in (*split.warnings, *metrics.remarks)),
            *(f"- {sentence}" for sentence in metrics.sentences("vectors", "calibration")),
        ]
    return "## The data\n\n" + "\n".join(lines) + "\n"


def _use(config: Config) -> str:
    form = config.text_form()
    text = json.dumps(form or "a text", ensure_ascii=False)
    return (
        f"## Use\n\n{_how_to_write(form)}"
        f"```sh\nwordgate predict PATH_OF_THIS_FOLDER {shlex.quote(form or 'a text')}\n```\n\n"
        "```python\nimport wordgate\n\nmodel = wordgate.load('PATH_OF_THIS_FOLDER')\n"
        f"model.predict([{text}])\n```\n\n"
        f"Recipe `{config.recipe}`, seed {config.seed}; every setting stands in `config.json`.\n"
    )


def _how_to_write(form: str | None) -> str:
    if form is None:
        return ""
    return (
        f"It learned from several columns, joined to one text: write `{form}`. What is not known"
        " is left out with its marker.\n\n"
    )


def _share(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
