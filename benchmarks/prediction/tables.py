"""The tables of `make bench-predict`."""

from collections.abc import Sequence
from typing import Any

from prediction.measuring import COLD, Figures
from printing import header, row
from wordgate.models.lstm_forward import KERNELS

MODELS = {
    "default": "wordgate, recipe default",
    "lstm128": "wordgate, LSTM(128)",
    "transformer": "MiniLM, wordgate's family transformer",
}


def rates_table(all_figures: Sequence[Figures]) -> str:
    """Lay out one row a peer."""
    ours = all_figures[0]
    lines = [header("from strings to probabilities", "texts/s", "slowest to fastest repeat",
                    "wordgate with numpy is faster by", "same labels")]  # fmt: skip
    for figures in all_figures:
        name = figures.peer.name
        if figures.missing:
            lines.append(row(name, f"not measured: {figures.missing}", "", "", ""))
            continue
        same = "" if figures.agreement is None else f"{figures.agreement:.1%}"
        repeats = f"{min(figures.rates):,.0f} to {max(figures.rates):,.0f}"
        faster = f"{ours.rate / figures.rate:.1f}"
        lines.append(row(name, f"{figures.rate:,.0f}", repeats, faster, same))
    return "\n".join(lines)


def cold_table(figures: dict[str, dict[str, Any]]) -> str:
    """Lay out what one text takes, in a process of its own and through a loaded predictor."""
    lines = [header("one text", f"`wordgate predict`, whole process, s (median of {COLD})",
                    "its peak MB", "loaded predictor, ms: numpy", "numba",
                    "numba-int8")]  # fmt: skip
    for name, one in figures.items():
        cold = f"{one['cold_seconds']:.2f}", f"{one['cold_peak_megabytes']:,.0f}"
        loaded = (_milliseconds(one, kernel) for kernel in KERNELS)
        lines.append(row(MODELS[name], *cold, *loaded))
    return "\n".join(lines)


def _milliseconds(one: dict[str, Any], kernel: str) -> str:
    taken = one["one_text_milliseconds"].get(kernel)
    return "" if taken is None else f"{taken['median']:.2f} (99%: {taken['percentile_99']:.2f})"
