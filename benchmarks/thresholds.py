"""How many positives a label needs for its own threshold: `make bench-thresholds`.

One row in twenty or in five has a label, and calibrated probabilities separate it well or badly.
For 1,000 validation sets of each number of positives, a threshold is chosen for F1 and applied to
the whole population; the table has the mean gain over 0.5, in points, and the share of the sets in
which F1 is lower.
"""

import numpy as np

import wordgate.evaluation.thresholds as chosen
from printing import print_header, print_row

SIMULATIONS, POPULATION = 1000, 400_000
POSITIVES = (3, 5, 10, 20, 50, 100)
LABELS = {
    "1 in 20, easy": (-5.2, 3.0),
    "1 in 20, hard": (-3.6, 1.3),
    "1 in 5, easy": (-2.9, 3.0),
    "1 in 5, hard": (-1.7, 1.0),
}


def main() -> None:
    """Print the table."""
    chosen.MIN_POSITIVES = 1
    print_header("label", "F1 at 0.5", "best F1", *(f"{n} positives" for n in POSITIVES))
    for name, (mean, spread) in LABELS.items():
        rng = np.random.default_rng(0)
        proba = np.sort(1 / (1 + np.exp(-rng.normal(mean, spread, POPULATION))))
        above, n_above = proba[::-1].cumsum()[::-1], np.arange(POPULATION, 0, -1)
        f1 = np.append(2 * above / (proba.sum() + n_above), 0.0)
        at_half = f1[np.searchsorted(proba, 0.5)]
        cells = []
        for n_positives in POSITIVES:
            gains = [
                f1[np.searchsorted(proba, _threshold(proba, n_positives, rng))] - at_half
                for _ in range(SIMULATIONS)
            ]
            cells.append(f"{100 * np.mean(gains):+.1f}, {np.mean(np.array(gains) < 0):.0%} worse")
        print_row(name, f"{at_half:.3f}", f"{f1.max():.3f}", *cells)


def _threshold(proba: np.ndarray, n_positives: int, rng: np.random.Generator) -> float:
    """Draw validation rows until this many have the label, and choose a threshold on them."""
    n = round(n_positives / proba.mean())
    while True:
        rows = rng.choice(proba, size=n)
        borne = rng.random(n) < rows
        if borne.sum() == n_positives:
            return chosen.choose_thresholds(borne[:, None].astype(np.int64),
                                            np.log(rows)[:, None])[0]  # fmt: skip


if __name__ == "__main__":
    main()
