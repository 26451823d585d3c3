"""A model in short, in a line and in a notebook: family, labels, scores, data, size."""

import json
from pathlib import Path

from wordgate.bundle.config import Config
from wordgate.bundle.metrics import AnyMetrics
from wordgate.models.base import Model
from wordgate.runtime.display import brief, html_table, shown, shown_size

_MOST_LABELS = 200  # characters


def model_bytes(model: Model) -> int:
    """Count the bytes that a bundle keeps of a model."""
    description, arrays = model.state()
    text = json.dumps(description, ensure_ascii=False).encode(errors="surrogatepass")
    return len(text) + sum(array.nbytes for array in arrays.values())


def model_line(name: str, model: Model, config: Config, metrics: AnyMetrics | None) -> str:
    """Write a model in one line, as the `repr` of what holds it."""
    scores = "no test rows"
    if metrics is not None:
        score, value, interval = metrics.main
        scores = f"{score.replace(' ', '_')}={_share(value)} ({interval}), n={metrics.n}"
    source, rows = _data(config)
    size = shown_size(model_bytes(model))
    labels = brief(list(config.labels)) + (", multilabel" if config.multilabel else "")
    return f"{name}({config.family}, {scores}, labels={labels}, data={source} ({rows}), {size})"


def model_table(name: str, model: Model, config: Config, metrics: AnyMetrics | None) -> str:
    """Write a model as a small HTML table."""
    rows = [("family", config.family), ("labels", shown(", ".join(config.labels), _MOST_LABELS))]
    if metrics is None:
        rows.append(("scores", "not evaluated on test rows"))
    else:
        score, value, interval = metrics.main
        rows += [
            (score, f"{_share(value)} (95% interval {interval}) on {metrics.n:,} test rows"),
            ("macro F1", _share(metrics.macro_f1)),
        ]
    rows += [("data", ", ".join(_data(config))), ("size", shown_size(model_bytes(model)))]
    return html_table(name, rows)


def _data(config: Config) -> tuple[str, str]:
    """Name the source of the data, without its folders, and the number of its rows."""
    source = shown(Path(str(config.data.get("source"))).name, 40)
    n_kept = config.data.get("n_kept")
    return source, f"{n_kept:,} rows" if isinstance(n_kept, int) else "rows unknown"


def _share(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"
