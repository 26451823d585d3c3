"""The loop of every peer of `make bench-predict`: standard library and numpy alone.

A peer's process reads the name of a file of texts, loads its model, warms up and reports it. Then
it predicts as often as requested, each time texts that it has not seen yet.
"""

import json
import multiprocessing
import os
import sys
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

Predict = Callable[[list[str]], np.ndarray]
"""From n texts to the probabilities of their labels, [n, classes]."""


def read_texts(file: str) -> dict[str, Any]:
    """Read the texts to warm up with, those of each repeat, and labelled ones to train on."""
    return json.loads(Path(file).read_text(encoding="utf-8"))


def serve(predict: Predict, texts: dict[str, Any], packages: Sequence[str], most: int = 0) -> None:
    """Warm up, then time what is asked for until nothing more is.

    Args:
        predict: The peer.
        texts: What `read_texts` gave.
        packages: Packages whose versions are reported.
        most: Of slow peers, how many texts of each repeat are enough; 0 for all.
    """
    warm = texts["warm"][: most or None]
    chosen = np.asarray(predict(warm)).argmax(axis=1)
    _tell(chosen=chosen.tolist(), versions={name: version(name) for name in packages})
    for line in sys.stdin:
        own = texts["repeats"][int(line)][: most or None]
        started = time.perf_counter()
        found = np.asarray(predict(own))
        seconds = time.perf_counter() - started
        if len(found) != len(own) or not np.isfinite(found).all():
            sys.exit(f"{found.shape} numbers came out of {len(own):,} texts")
        _tell(texts=len(own), seconds=seconds)


def _tell(**facts: object) -> None:
    print(json.dumps(facts), flush=True)


def in_processes(predict: Predict) -> Predict:
    """Let as many processes as there are cores share the texts: for what knows only one thread."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    if cores == 1:
        return predict
    pool = multiprocessing.get_context("fork").Pool(cores, _adopt, (predict,))

    def shared(texts: list[str]) -> np.ndarray:
        size = -(-len(texts) // (4 * cores))
        parts = [texts[i : i + size] for i in range(0, len(texts), size)]
        return np.concatenate(pool.map(_predict_adopted, parts, chunksize=1))

    return shared


_adopted: list[Predict] = []


def _adopt(predict: Predict) -> None:
    _adopted.append(predict)


def _predict_adopted(texts: list[str]) -> np.ndarray:
    return _adopted[0](texts)
