"""wordgate in `make bench-train`: a recipe, fitted on the rows of its peers.

Its texts are those of the rows' file, and so are train, validation and test; words and first word
vectors are found and drawn as the recipe says, by the same seed.

    python wordgate_peer.py notebook-fast ROWS.npz RESULTS.jsonl --seed 0
"""

import os
import time
from argparse import Namespace

import numpy as np
from journal import asked_for, record, record_end
from rows import read_datasets

from wordgate.runtime.progress import Silent
from wordgate.settings import Settings, load_settings, recipe_names
from wordgate.training.families import fit
from wordgate.training.fitting import FitData, Fitted, RunContext


def main() -> None:
    """Train one model, and write down what each epoch came to."""
    options = asked_for(recipe_names(), __doc__)
    if options.threads:
        os.environ["OMP_NUM_THREADS"] = str(options.threads)
    everything, (train, valid, test) = read_datasets(options.rows)
    settings, clock = settings_of(options), Clock()
    labels = [str(target) for target in range(int(train.targets.max()) + 1)]
    vocabulary_of = everything if settings.text.vocabulary_from == "all" else None
    data = FitData(train, valid, labels, vocabulary_of)
    fitted = fit("lstm", data, settings, RunContext(options.seed, clock, "cpu"))
    record_history(options, fitted, clock.spans(len(fitted.history)))
    scores = {}
    if not options.timed:
        chosen = fitted.model.log_proba(test.texts).argmax(axis=1)
        scores["test_accuracy"] = float((chosen == test.targets).mean())
    record_end(options.results, **scores, best_epoch=fitted.best_epoch, **fitted.engine)


def settings_of(options: Namespace) -> Settings:
    """Take the recipe as it is; for the clock, only as many epochs as are timed, and one before."""
    few = {"lstm.epochs": 1 + options.timed, "lstm.min_updates": 0}
    return load_settings(options.variant, few if options.timed else {})


def record_history(options: Namespace, fitted: Fitted, spans: list[float]) -> None:
    """Write the epochs; the one that warms up is left out."""
    for epoch, span in list(zip(fitted.history, spans, strict=True))[options.timed > 0 :]:
        record(
            options.results,
            epoch=epoch.epoch,
            seconds=epoch.seconds,
            seconds_with_validation=span,
            accuracy=epoch.train_accuracy,
            loss=epoch.train_loss,
            val_accuracy=epoch.valid_accuracy,
            val_loss=epoch.valid_loss,
        )


class Clock(Silent):
    """Records the times of messages: before the first epoch, after each validation, at the end."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def say(self, text: str) -> None:  # noqa: ARG002
        """Note the time."""
        self.times.append(time.perf_counter())

    def spans(self, epochs: int) -> list[float]:
        """Give the seconds of each epoch, validation included."""
        return np.diff(self.times[-epochs - 2 : -1]).tolist()


if __name__ == "__main__":
    main()
