"""Descriptions of a model: a line, a small table, and the model card, `README.md` of a bundle.

The card is after Mitchell et al. 2019, "Model cards for model reporting".
"""

import json
import shlex
from pathlib import Path

from wordgate.bundle.config import Config
from wordgate.bundle.metrics import AnyMetrics, MultilabelMetrics
from wordgate.models.base import Model
from wordgate.runtime.display import brief, counted, html_table, shown, shown_size

_MOST_LABELS = 200  # characters


def model_bytes(model: Model) -> int:
    """Return the number of bytes of a model in a bundle."""
    description, arrays = model.state()
    text = json.dumps(description, ensure_ascii=False).encode(errors="surrogatepass")
    return len(text) + sum(array.nbytes for array in arrays.values())


def model_line(name: str, model: Model, config: Config, metrics: AnyMetrics | None) -> str:
    """Describe a model in one line, for a `repr`."""
    scores = "no test rows"
    if metrics is not None:
        score, value, interval = metrics.main
        scores = f"{score.replace(' ', '_')}={_share(value)} ({interval}), n={metrics.n}"
    source, rows = _source(config)
    size = shown_size(model_bytes(model))
    labels = brief(list(config.labels)) + (", multilabel" if config.multilabel else "")
    return f"{name}({config.family}, {scores}, labels={labels}, data={source} ({rows}), {size})"


def model_table(name: str, model: Model, config: Config, metrics: AnyMetrics | None) -> str:
    """Describe a model in a small HTML table."""
    rows = [("family", config.family), ("labels", shown(", ".join(config.labels), _MOST_LABELS))]
    if metrics is None:
        rows.append(("scores", "not evaluated on test rows"))
    else:
        score, value, interval = metrics.main
        rows += [
            (
                score,
                f"{_share(value)} (95% interval {interval}) on {counted(metrics.n, 'test row')}",
            ),
            ("macro F1", _share(metrics.macro_f1)),
        ]
    rows += [("data", ", ".join(_source(config))), ("size", shown_size(model_bytes(model)))]
    return html_table(name, rows)


def _source(config: Config) -> tuple[str, str]:
    """Return the source of the data, without its folders, and the number of rows."""
    source = shown(Path(str(config.data.get("source"))).name, 40)
    n_rows = config.n_rows()
    return source, "rows unknown" if n_rows is None else counted(n_rows, "row")


def model_card(config: Config, metrics: AnyMetrics | None) -> str:
    """Describe the model, its training data and its scores in Markdown."""
    parts = (_heading(config), _evaluation(config, metrics), _data(config, metrics), _use(config))
    return "\n".join(parts)


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
        f"## Evaluation\n\nOn {counted(metrics.n, 'test row')}.\n\n"
        f"| | |\n|---|---|\n{table}\n\nConfidence interval: {interval.method}.\n"
    )


def _data(config: Config, metrics: AnyMetrics | None) -> str:
    rows, n_rows = "unknown (imported model)", config.n_rows()
    if config.knows_training():
        rows = "unknown" if n_rows is None else f"{n_rows:,}"
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
