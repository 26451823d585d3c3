"""The model card: the `README.md` inside a bundle (Mitchell et al. 2019)."""

import json
import shlex

from wordgate.bundle.config import Config
from wordgate.bundle.metrics import AnyMetrics, MultilabelMetrics


def model_card(config: Config, metrics: AnyMetrics | None) -> str:
    """Describe the model, its training data and its scores in Markdown."""
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
        f"It assigns {number} of {len(config.labels)} labels to a text: {labels}.\n"
    )


def _evaluation(config: Config, metrics: AnyMetrics | None) -> str:
    if metrics is None:
        return "## Evaluation\n\nThe model has not been evaluated on test rows.\n"
    score, value, interval = metrics.main
    rows = [
        (score, _share(value)),
        ("95% interval", f"{_share(interval.low)} to {_share(interval.high)}"),
        ("macro F1", _share(metrics.macro_f1)),
    ]
    if isinstance(metrics, MultilabelMetrics):
        rows.append(("all labels correct", _share(metrics.accuracy)))
    rows += [
        ("log loss", f"{metrics.log_loss:.3f}"),
        *(
            (f"{score} of {name}", _share(one.main))
            for name, one in metrics.baselines.to_beat(config.family)
        ),
    ]
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return (
        f"## Evaluation\n\nOn {metrics.n:,} test rows.\n\n"
        f"| | |\n|---|---|\n{table}\n\nConfidence interval: {interval.method}.\n"
    )


def _data(config: Config, metrics: AnyMetrics | None) -> str:
    rows = "unknown (imported model)"
    if config.knows_training():
        rows = f"{config.data.get('n_kept', 0):,}"
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
            *(f"- {sentence}" for sentence in metrics.threshold_sentences()),
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
        f"Recipe `{config.recipe}`, seed {config.seed}; all settings are in `config.json`.\n"
    )


def _how_to_write(form: str | None) -> str:
    if form is None:
        return ""
    return (
        f"The model was trained on several columns joined into one text. Write texts in the form"
        f" `{form}`. Leave out an unknown column together with its separator.\n\n"
    )


def _share(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
