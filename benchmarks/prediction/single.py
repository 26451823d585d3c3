"""One text at a time through a loaded predictor: prints the milliseconds as JSON.

python single.py TEXTS BUNDLE KERNEL
"""

import json
import sys
import time

import numpy as np
from worker import read_texts

from wordgate import load

WARM, TIMED = 500, 2000


def main() -> None:
    """Warm up, time each text, print."""
    texts, predictor = read_texts(sys.argv[1]), load(sys.argv[2], kernel=sys.argv[3])
    for text in texts["warm"][:WARM]:
        predictor.predict_proba([text])
    taken = []
    for text in texts["repeats"][0][:TIMED]:
        started = time.perf_counter()
        predictor.predict_proba([text])
        taken.append(time.perf_counter() - started)
    median, slowest = 1000 * np.percentile(taken, [50, 99])
    print(json.dumps({"median": median, "percentile_99": slowest, "texts": len(taken)}))


if __name__ == "__main__":
    main()
