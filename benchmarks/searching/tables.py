"""The results file of `make bench-search`, and its tables."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from printing import header, row
from wordgate.evaluation.intervals import paired_difference

DRAWS = 10_000
Results = dict[tuple[str, str], dict[str, object]]
"""What a peer has reached on a data set, by the names of both."""


def packed(correct: np.ndarray) -> str:
    """Write bool [n] as hexadecimal digits."""
    return np.packbits(correct).tobytes().hex()


def unpacked(digits: str, n: int) -> np.ndarray:
    """Read what `packed` has written, bool [n]."""
    return np.unpackbits(np.frombuffer(bytes.fromhex(digits), np.uint8))[:n].astype(bool)


def append(file: Path, line: Mapping[str, object]) -> None:
    """Add a result to the file at once, so that an interruption loses none."""
    file.parent.mkdir(exist_ok=True)
    with file.open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(line) + "\n")


def read(file: Path) -> list[dict[str, object]]:
    """Read all results."""
    return (
        [json.loads(line) for line in file.read_text("utf-8").splitlines()] if file.exists() else []
    )


def latest(lines: Iterable[dict[str, object]], minutes: float) -> Results:
    """Take the last result of each peer on each data set, for searches of so many minutes."""
    return {
        (str(line["data"]), str(line["peer"])): line for line in lines if line["minutes"] == minutes
    }


def results_table(results: Results, peers: Sequence[str]) -> str:
    """Lay out the accuracies, a data set a row; behind each what was chosen, and the time."""
    lines = [header("data", "train, test rows", *peers)]
    for data in dict.fromkeys(name for name, _ in results):
        found = [results.get((data, peer)) for peer in peers]
        sizes = next((one["n_train"], one["n"]) for one in found if one is not None)
        lines.append(row(data, f"{sizes[0]:,}, {sizes[1]:,}", *map(cell, found)))
    return "\n".join(lines)


def cell(found: dict[str, object] | None) -> str:
    """Write a result: accuracy, what was chosen, seconds; or why there is none."""
    if found is None:
        return ""
    if "absent" in found:
        return str(found["absent"])
    return f"{found['accuracy']:.3f} ({found['chosen']}; {found['seconds']:.0f} s)"


def differences_table(results: Results) -> str:
    """Compare `auto` with the best default and each other searcher: points, interval, p."""
    others = {
        "best default": lambda data: _best_default(results, data),
        "fasttext": lambda data: results.get((data, "fasttext")),
        "halving": lambda data: results.get((data, "halving")),
    }
    lines = [header("auto minus", *others)]
    reached: dict[str, list[float]] = {name: [] for name in others}
    for data in dict.fromkeys(name for name, _ in results):
        own, cells = results.get((data, "auto")), []
        for name, of in others.items():
            other = of(data)
            if own is None or other is None or "absent" in own or "absent" in other:
                cells.append("")
                continue
            n, groups = int(own["n"]), own["groups"]
            found = paired_difference(
                unpacked(own["correct"], n), unpacked(other["correct"], n), groups, seed=0
            )
            reached[name].append(found.difference)
            named = f" than {other['peer']}" if name == "best default" else ""
            cells.append(f"{found.points()}{named} ({found.interval()}, {found.p()})")
        lines.append(row(data, *cells))
    means = (_mean(np.array(reached[name])) for name in others)
    return "\n".join([*lines, row("mean over the data sets", *means)])


def _best_default(results: Results, data: str) -> dict[str, object] | None:
    """Give the default recipe with the best test accuracy, which nobody can know beforehand."""
    found = [
        one
        for (name, peer), one in results.items()
        if name == data and peer.startswith("default ") and "absent" not in one
    ]
    return max(found, key=lambda one: one["accuracy"], default=None)


def _mean(differences: np.ndarray) -> str:
    """Write a mean over data sets or seeds in points, with an interval that resamples them."""
    if not len(differences):
        return ""
    if len(differences) < 2:
        return f"{100 * differences.mean():+.1f}"
    rng = np.random.default_rng(0)
    drawn = rng.choice(differences, (DRAWS, len(differences))).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return f"{100 * differences.mean():+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


def price_table(lines: Sequence[dict[str, object]]) -> str:
    """Lay out the selection bias, a row per seed, and its means."""
    rows = [
        header(
            "seed", "selected", "selection score", "test score", "95% interval", "true", "covered"
        ),
        *map(_price_row, lines),
    ]
    chosen, test, truth, low, high = (
        np.array([one[name] for one in lines], float)
        for name in ("chosen_score", "test", "truth", "low", "high")
    )
    covered = (low <= truth) & (truth <= high)
    means = (
        f"- selection score minus true accuracy, points: {_mean(chosen - truth)}",
        f"- test score minus true accuracy, points: {_mean(test - truth)}",
        f"- selection score minus test score, points: {_mean(chosen - test)}",
        f"- the interval contains the true accuracy: {covered.sum()} of {len(lines)}",
    )
    return "\n".join([*rows, "", *means])


def _price_row(one: Mapping[str, object]) -> str:
    covered = "yes" if one["low"] <= one["truth"] <= one["high"] else "no"
    interval = f"{one['low']:.3f} to {one['high']:.3f}"
    shares = (f"{one[name]:.3f}" for name in ("chosen_score", "test"))
    return row(one["seed"], one["chosen"], *shares, interval, f"{one['truth']:.3f}", covered)
