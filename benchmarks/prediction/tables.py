"""What `make bench-predict` prints."""

from collections.abc import Sequence
from typing import Any

from prediction.measuring import COLD, Figures
from wordgate.models.lstm_forward import KERNELS

MODELS = {
    "default": "wordgate, recipe default",
    "lstm128": "wordgate, LSTM(128)",
    "transformer": "MiniLM, wordgate's family transformer",
}


def rates_table(all_figures: Sequence[Figures]) -> str:
    """Lay out one row a peer."""
    ours = all_figures[0]
    lines = [
        "| from strings to probabilities | texts/s | slowest to fastest repeat |"
        " wordgate with numpy is faster by | same labels |",
        "|---|---|---|---|---|",
    ]
    for figures in all_figures:
        name = figures.peer.name
        if figures.missing:
            lines.append(f"| {name} | not measured: {figures.missing} | | | |")
            continue
        same = "" if figures.agreement is None else f"{figures.agreement:.1%}"
        lines.append(
            f"| {name} | {figures.rate:,.0f} | {min(figures.rates):,.0f} to"
            f" {max(figures.rates):,.0f} | {ours.rate / figures.rate:.1f} | {same} |"
        )
    return "\n".join(lines)


def cold_table(figures: dict[str, dict[str, Any]]) -> str:
    """Lay out what one text takes, in a process of its own and through a loaded predictor."""
    lines = [
        f"| one text | `wordgate predict`, whole process, s (median of {COLD}) | its peak MB |"
        " loaded predictor, ms: numpy | numba | numba-int8 |",
        "|---|---|---|---|---|---|",
    ]
    for name, one in figures.items():
        lines.append(
            f"| {MODELS[name]} | {one['cold_seconds']:.2f} | {one['cold_peak_megabytes']:,.0f} |"
            + "".join(f" {_milliseconds(one, kernel)} |" for kernel in KERNELS)
        )
    return "\n".join(lines)


def _milliseconds(one: dict[str, Any], kernel: str) -> str:
    taken = one["one_text_milliseconds"].get(kernel)
    return "" if taken is None else f"{taken['median']:.2f} (99%: {taken['percentile_99']:.2f})"
