"""The peak rate of matrix products of this machine, in GFLOP/s.

Prints one JSON object: torch's product of two 2048-cubed matrices on all cores, in float32 and in
bfloat16, the fastest of several.
"""

import json
import os
import time

os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import torch

SIZE = 2048
REPEATS = 15


def main() -> None:
    """Measure and print."""
    rates = {"float32": rate(torch.float32), "bfloat16": rate(torch.bfloat16)}
    print(json.dumps({**rates, "threads": torch.get_num_threads()}))


def rate(precision: torch.dtype) -> float:
    """Multiply some times; the first warms up."""
    left, right = (torch.randn(SIZE, SIZE).to(precision) for _ in range(2))
    seconds = []
    for _ in range(1 + REPEATS):
        started = time.perf_counter()
        torch.mm(left, right)
        seconds.append(time.perf_counter() - started)
    return 2 * SIZE**3 / min(seconds[1:]) / 1e9


if __name__ == "__main__":
    main()
