"""Everything that depends on the inner layout of the package: imports and attribute names.

The other files here use what is public alone. When something inside the package is renamed or
moved, this file is what has to follow, and the record stays as it is.
"""

import math
from collections.abc import Sequence
from contextlib import contextmanager
from typing import Any

from wordgate.cli.main import exit_code
from wordgate.data import read_table
from wordgate.dedup.near_duplicates import find_near_duplicates
from wordgate.evaluation.calibration import apply_temperature
from wordgate.experiments.reading import limit_rows
from wordgate.prediction import explaining
from wordgate.prediction.decision import DecisionRule
from wordgate.runtime.progress import Silent
from wordgate.split.splits import grouped_split, random_split
from wordgate.tables.encoding import without_surrogates
from wordgate.vectors import pretrained

LSTM = {
    "lstm.epochs": 2,
    "lstm.min_updates": 1,
    "lstm.max_updates": 0,
    "lstm.hidden_size": 12,
    "text.min_groups": 1,
    "lstm.schedule": "one-cycle",
    "lstm.warmup": 0.3,
    "lstm.weight_averaging": 0.0,
    "lstm.patience": 5,
    "lstm.patience_updates": 0,
    "lstm.epoch_score": "accuracy",
    "lstm.class_weight": "none",
}
"""Settings of an LSTM of two planned epochs, of the default recipe's otherwise."""
LIGHTER = {
    "lstm.epochs": 4,
    "lstm.min_updates": 60,
    "lstm.hidden_size": 12,
    "lstm.embedding_size": 12,
    "text.min_groups": 1,
    "lstm.lighter_candidate": "true",
    "lstm.lighter_hidden_size": 8,
}
"""... of two candidates on the default recipe's own schedule, with averaged weights."""
BOTH_WAYS = {
    **LSTM,
    "lstm.bidirectional": "true",
    "lstm.pooling": "last+max+mean",
    "vectors.stored": "int8",
    "lstm.recurrent_dropout": 0.1,
    "lstm.vectors_extra_size": 4,
    "vectors.more_words": 50,
    "lstm.vectors_frozen_epochs": 1,
}
"""... of both directions, which begins with word vectors and is kept in bytes."""
NOTEBOOK = {"lstm.epochs": 1, "lstm.hidden_size": 12, "lstm.embedding_size": 12}
MLP = {"mlp.hidden_size": 8, "mlp.epochs": 3, "mlp.batch_size": 32, "text.min_groups": 1}
TRANSFORMER = {
    "transformer.epochs": 1, "transformer.min_updates": 1, "transformer.max_tokens": 24,
    "transformer.batch_size": 16,
}  # fmt: skip
TAUGHT = {**LSTM, "teacher.texts": 2000, "teacher.variations": 2}


class Said(Silent):
    """A `wordgate.runtime.progress.Progress` that keeps the lines that it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, text: str) -> None:
        self.lines += text.splitlines()

    @contextmanager
    def bar(self, total: int | None, done: int = 0):
        yield self

    def advance(self, label: str) -> None:
        pass


def keep_no_vectors() -> None:
    """Look word vectors up in their file each time: whether they are kept depends on the time."""
    pretrained.CACHED_FROM_SECONDS = math.inf


def run_command(arguments: Sequence[str]) -> int:
    """Run `wordgate` with these arguments in this process; give its exit status."""
    return exit_code(list(arguments))


def read(source: Any, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read labelled texts.

    Returns:
        The columns of what was read: ``texts``, ``bodies``, ``labels``, ``groups``, ``rows`` and
        ``parts``; and the account of it as plain values.

    Raises:
        WordgateError: It is refused.
    """
    limit = options.pop("limit", None)
    table = limit_rows(read_table(source, **options), limit, seed=0)
    reading = table.reading
    columns = {
        "texts": list(table.texts), "bodies": list(table.bodies), "labels": table.labels,
        "groups": table.groups, "rows": table.rows, "parts": table.parts,
    }  # fmt: skip
    account = {
        "source": reading.source,
        "format": reading.format,
        "compressed": reading.compressed,
        "encoding": reading.encoding,
        "encoding_reason": reading.encoding_reason,
        "delimiter": reading.delimiter,
        "header": reading.header,
        "header_reason": reading.header_reason,
        "columns": {
            choice.role: {
                "number": choice.number, "name": choice.name, "given": choice.given,
                "before": [column.number for column in choice.before], "reason": choice.reason,
            }
            for choice in reading.columns
        },
        "n_read": reading.n_read,
        "n_kept": reading.n_kept,
        "dropped": list(reading.dropped.values()),
        "dropped_reasons": list(reading.dropped),
        "rejected_lines": [malformed.line for malformed in reading.malformed],
        "rejected_reasons": [malformed.why for malformed in reading.malformed],
        "warnings": reading.warnings,
        "lines": reading.lines(),
    }  # fmt: skip
    return columns, account


def joined_groups(bodies: Sequence[str], groups: Sequence[str] | None) -> list[str]:
    """Give each row's group after groups that copy each other were joined."""
    return find_near_duplicates(bodies, groups).joined.groups


def split(kind: str, *columns: Any, **options: Any) -> dict[str, Any]:
    """Split rows, ``grouped`` or ``random``; `columns` are texts, labels and groups.

    Raises:
        WordgateError: They can't be split.
    """
    found = {"grouped": grouped_split, "random": random_split}[kind](*columns, **options)
    return {
        "kind": found.kind,
        "train": found.train.tolist(),
        "valid": found.valid.tolist(),
        "test": found.test.tolist(),
        "n_test_groups": found.n_test_groups,
        "leaked_by_group": found.leaked_by_group,
        "reason": found.reason,
        "warnings": list(found.warnings),
    }


def log_proba(predictor, texts):
    """Give a model's log-probabilities, those of empty texts included, which it gives no label."""
    texts = [without_surrogates(text) for text in texts]
    return apply_temperature(predictor._model.log_proba(texts), predictor.config.temperature)


def explain(predictor, text):
    """Explain a text, an empty one included."""
    rule, temperature = DecisionRule.of(predictor.config), predictor.config.temperature
    text = without_surrogates(text)
    return explaining.explain(predictor._model, rule, temperature, text)
