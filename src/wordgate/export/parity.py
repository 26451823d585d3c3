"""Parity of an exported file, run by ONNX Runtime, with the model it was made of.

Shapes: ``n`` texts, ``batch`` texts at once, ``classes`` labels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wordgate.errors import BundleError
from wordgate.export.inputs import LARGEST_BATCH, InputForm, Inputs
from wordgate.models.base import Floats
from wordgate.text.batches import bucketed
from wordgate.text.encoder import EncodedTexts
from wordgate.text.vocabulary import PADDING

Probabilities = Callable[[EncodedTexts], NDArray[np.float64]]
"""The model's own: float64 [n, classes], temperature included."""
Labels = Callable[[NDArray[np.floating[Any]]], NDArray[np.bool_]]
"""Which labels follow from probabilities, bool [n, classes]."""

FLOAT32_TOLERANCE = 1e-5
"""Between two probabilities of a label."""
MEAN_TOLERANCE = 0.02
"""For int8: maximum difference of the probabilities of a text, mean over all texts."""
ACCURACY_TOLERANCE = 0.003

_ALONE = (0, 1, 2, 3, 4, 5, 10, 50, 100, 199, 200)
_TOGETHER = (2, 3, 7, 16, 33, 64, 100, 255, LARGEST_BATCH)
_EMPTY_TOGETHER = 3
_MOST_BATCHES = 50

_ERRORS_ALONE = 3  # of the severities of ONNX Runtime's log


class Session:
    """An ONNX file loaded into ONNX Runtime; a `BundleError` if it cannot be read or run."""

    def __init__(self, file: Path | bytes, *, threads: int):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.log_severity_level = _ERRORS_ALONE
        try:
            self._session = onnxruntime.InferenceSession(
                file if isinstance(file, bytes) else str(file),
                options,
                providers=["CPUExecutionProvider"],
            )
        except Exception as error:  # onnxruntime has no public class of errors
            raise BundleError(f"ONNX Runtime cannot read what was written: {error}") from error

    @property
    def metadata(self) -> Mapping[str, str]:
        """The metadata of the file."""
        facts: Mapping[str, str] = self._session.get_modelmeta().custom_metadata_map
        return facts

    def probabilities(self, *inputs: NDArray[Any]) -> Floats:
        """Compute probabilities of the file's inputs, in their order: float32 [batch, classes]."""
        try:
            names = [each.name for each in self._session.get_inputs()]
            fed = dict(zip(names, inputs, strict=True))
            (found,) = self._session.run(["probabilities"], fed)
        except Exception as error:  # onnxruntime has no public class of errors
            raise BundleError(f"ONNX Runtime cannot run what was written: {error}") from error
        return np.asarray(found, np.float32)


@dataclass(frozen=True)
class Agreement:
    """Agreement between the probabilities of a file and of the model, on random texts.

    Attributes:
        n: Texts.
        largest: The largest difference between two probabilities.
        mean: The mean over the texts of each one's largest difference.
        expected_loss: The accuracy that is lost if the model's probabilities are true: a label
            that changes costs what its probability lacks to the highest. With several labels per
            text it is the accuracy of the single labels: one that changes costs the difference of
            its probability to that of its absence.
    """

    n: int
    largest: float
    mean: float
    expected_loss: float

    def excess(self) -> str | None:
        """Describe the differences beyond the tolerance of int8; None if there are none."""
        for what, found, allowed in (
            ("the mean absolute difference of the probabilities", self.mean, MEAN_TOLERANCE),
            ("the expected loss of accuracy", self.expected_loss, ACCURACY_TOLERANCE),
        ):
            if found > allowed:
                return f"{what} is {found:.2g}; at most {allowed} is allowed"
        return None


@dataclass(frozen=True)
class RowAccuracy:
    """Numbers of n labeled rows that the model and the file classify correctly."""

    n: int
    ours: int
    exported: int


def check_made_up(
    session: Session,
    ours: Probabilities,
    form: InputForm,
    *,
    int8: bool,
    given: Labels | None = None,
) -> Agreement:
    """Compare the predictions to made-up texts, in batches of 1 to 256 texts of 0 to 200 words.

    The form may allow for fewer. Every word of the vocabulary stands in one of them, unless there
    are more than a million, or the form leaves that out. `given` tells which labels a text has,
    where it may have several.

    Raises:
        BundleError: The predictions are further apart than is allowed.
    """
    largest = None if int8 else FLOAT32_TOLERANCE
    agreement = agreement_on_made_up(session, ours, form, given=given, largest=largest)
    if int8 and (excess := agreement.excess()):
        raise BundleError(f"not written: with int8, on random texts, {excess}; leave out --int8")
    return agreement


def agreement_on_made_up(
    session: Session,
    ours: Probabilities,
    form: InputForm,
    *,
    given: Labels | None = None,
    largest: float | None = None,
) -> Agreement:
    """Compare the predictions to made-up texts; see `check_made_up`.

    Raises:
        BundleError: Two probabilities differ by more than `largest`.
    """
    expected, found = [], []
    for batch in map(form.vary, _made_up(form)):
        expected.append(ours(batch))
        found.append(_run(session, form.feed(batch), expected[-1].shape))
        apart = float(_apart(expected[-1], found[-1]).max())
        if largest is not None and apart > largest:
            raise BundleError(
                f"not written: in a batch of {len(batch)}, a probability from ONNX Runtime differs"
                f" from the model's by {apart:.2g}; at most {largest:.0e} is allowed"
            )
    ours_all, found_all = np.concatenate(expected), np.concatenate(found)
    distances = _apart(ours_all, found_all)
    return Agreement(
        n=len(ours_all),
        largest=float(distances.max()),
        mean=float(distances.mean()),
        expected_loss=_expected_loss(ours_all, found_all, given),
    )


def check_rows(
    session: Session,
    texts: EncodedTexts,
    targets: NDArray[np.int64],
    ours: Probabilities,
    form: InputForm,
    given: Labels | None = None,
) -> RowAccuracy:
    """Compare the accuracy on labeled texts, in batches of up to as many texts as the form says.

    Of so few rows that one is more than 0.3 points, one may be lost or won. Targets are int64 [n];
    or [n, classes] of 0 and 1, and a text is right where all of its labels are.

    Raises:
        BundleError: The accuracies are further apart than is allowed.
    """
    right = _right(ours(texts), targets, given)
    exported = 0
    for batch in bucketed(texts, batch_size=form.largest_batch, rng=None):
        answers = session.probabilities(*form.feed(texts.select(batch.rows)))
        exported += _right(answers, targets[batch.rows], given)
    rows = RowAccuracy(len(texts), right, exported)
    if abs(rows.exported - rows.ours) > max(1.0, ACCURACY_TOLERANCE * rows.n):
        raise BundleError(
            f"not written: with int8, the accuracy on {rows.n:,} rows is"
            f" {rows.exported / rows.n:.4f} instead of {rows.ours / rows.n:.4f}; a difference of"
            f" {ACCURACY_TOLERANCE} is allowed; leave out --int8"
        )
    return rows


def _right(
    proba: NDArray[np.floating[Any]], targets: NDArray[np.int64], given: Labels | None
) -> int:
    """Count the texts that have the right label, or all the right ones."""
    if given is None:
        return int((proba.argmax(axis=1) == targets).sum())
    return int((given(proba) == targets).all(axis=1).sum())


def _expected_loss(ours: NDArray[np.float64], found: Floats, given: Labels | None) -> float:
    if given is not None:
        changed = given(ours) != given(found)
        return float((changed * np.abs(2.0 * ours - 1.0)).mean())
    chosen = ours[np.arange(len(ours)), found.argmax(axis=1)]
    return float((ours.max(axis=1) - chosen).mean())


def _apart(expected: NDArray[np.float64], found: Floats) -> NDArray[np.float64]:
    """Return each text's largest difference, float64 [n]; 1 for outputs that are not numbers."""
    return np.asarray(np.nan_to_num(np.abs(expected - found), nan=1.0).max(axis=1))


def _made_up(form: InputForm) -> Iterator[EncodedTexts]:
    """Yield batches of random texts, in which each word occurs once before any occurs again."""
    rng = np.random.default_rng(0)
    lengths = [np.array([min(length, form.longest)]) for length in _ALONE]
    lengths.append(np.zeros(_EMPTY_TOGETHER, np.int64))
    sizes = [size for size in _TOGETHER if size <= form.largest_batch]
    lengths += [_mixed(rng, size, form.longest) for size in sizes]
    needed = form.vocabulary if form.covered else 0
    while sum(map(np.sum, lengths)) < needed and len(lengths) < _MOST_BATCHES:
        lengths.append(_mixed(rng, LARGEST_BATCH, form.longest))
    words = rng.permutation(np.arange(PADDING + 1, form.vocabulary, dtype=np.int32))
    drawn = 0
    for batch in lengths:
        offsets = np.concatenate([[0], np.cumsum(batch if len(words) else 0 * batch)])
        positions = np.arange(drawn, drawn + offsets[-1])
        yield EncodedTexts(np.take(words, positions, mode="wrap") if len(words) else words, offsets)
        drawn += int(offsets[-1])


def _mixed(rng: np.random.Generator, size: int, longest: int) -> NDArray[np.int64]:
    """Draw lengths, the shortest and the longest among them."""
    lengths = rng.integers(0, longest, size, endpoint=True)
    lengths[:2] = 0, longest
    return rng.permutation(lengths)


def _run(session: Session, inputs: Inputs, shape: tuple[int, ...]) -> Floats:
    """Run a batch, no wider than its longest text: float32 [batch, classes]."""
    found = session.probabilities(*inputs)
    if found.shape != shape:
        raise BundleError(
            f"not written: the output of ONNX Runtime has the shape {list(found.shape)}; it must be"
            f" {list(shape)}"
        )
    return found
