"""`wordgate predict`: labels and probabilities of texts."""

import json
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import click

from wordgate.cli import params
from wordgate.cli.streams import (
    print_json,
    remark,
    remark_on_files,
    standard_input,
    to_json,
    warn_of_changes,
    write_result,
)
from wordgate.runtime.display import in_list, one_line

if TYPE_CHECKING:
    from wordgate.prediction.decision import DecisionRule
    from wordgate.prediction.predictor import Predictor

LINES_AT_ONCE = 8192
NO_LABEL = "(none)"
"""Shown in place of labels for a text without labels."""
_MOST_NOT_PREDICTED = 3  # most probable labels that follow it


@click.command(short_help="Predict the labels of texts.")
@click.argument("bundle", type=params.FILE, metavar="MODEL")
@click.argument("texts", nargs=-1, type=params.TEXT, metavar="[TEXT]...")
@params.as_json
@params.flag("--jsonl", "Print one JSON object per text.", "as_jsonl")
@params.input_encoding
@params.abstain_below
@params.threshold
@params.top
@params.kernel
@params.threads
def predict(
    bundle: str,
    texts: tuple[str, ...],
    *,
    as_json: bool,
    as_jsonl: bool,
    encoding: str | None,
    kernel: str,
    threads: int | None,
    **decision: Any,
) -> None:
    """Predict the label of each TEXT, or of each line of standard input ('-'), with MODEL.

    Predictions are printed as lines arrive. For whole files, use 'wordgate score'.

    Prints one line per text: the labels with their probabilities, the most probable first, a tab,
    and the text. If the model abstains, the line begins with a dash, and in JSON the label is null.
    Empty and whitespace-only texts are treated in the same way and have no probabilities; JSON has
    an 'error' for them. A model trained on several columns expects them in one TEXT, in the form
    that 'wordgate info' shows, such as 'entity | text'.

    For a multi-label model, or with --top, the line lists the predicted labels, the most probable
    first, then their probabilities; or '(none)', and up to three of the most probable labels.
    JSON has 'labels', a list.
    """
    from wordgate.bundle.folder import BundleFolder
    from wordgate.prediction.decision import DecisionRule
    from wordgate.prediction.predictor import load_with_progress
    from wordgate.runtime.progress import Console

    if as_json and as_jsonl:
        raise click.UsageError("--json and --jsonl are mutually exclusive.")
    texts = () if texts == ("-",) else texts
    if encoding is not None and texts:
        raise click.UsageError("--encoding has no effect on a TEXT of the command line.")
    rule = DecisionRule.of(BundleFolder.open(bundle).config(), **decision)
    predictor = load_with_progress(bundle, Console, kernel=kernel, threads=threads)
    warn_of_changes(bundle, predictor.changed_files)
    remark_on_files(bundle, texts)
    chunks = _chunks(texts, predictor.config.text_form(), encoding)
    predictions = _predictions(predictor, rule, chunks)
    if as_json:
        print_json({"predictions": [one for chunk in predictions for one in chunk]})
        return
    for chunk in predictions:
        write_result("\n".join(to_json(one) if as_jsonl else _line(one) for one in chunk))


def _chunks(texts: tuple[str, ...], form: str | None, encoding: str | None) -> Iterator[list[str]]:
    """Yield the texts in chunks: of standard input, the lines that have arrived so far."""
    from wordgate.tables.characters import arriving_lines

    if texts:
        yield list(texts)
        return
    if sys.stdin is None:  # closed by the caller
        raise click.UsageError("There is no TEXT, and standard input is closed.")
    if sys.stdin.isatty():
        how = "" if form is None else f", written as {one_line(form)}"
        remark(f"Enter one text per line{how}; end with Ctrl-D.")
    parts = standard_input(encoding, waits_for_all=False)
    for lines in arriving_lines(parts, LINES_AT_ONCE):
        yield [line.rstrip("\r") for line in lines]


def _predictions(
    predictor: "Predictor", rule: "DecisionRule", chunks: Iterable[list[str]]
) -> Iterator[list[dict[str, Any]]]:
    """Yield the JSON values of each text; for an empty text, an error in place of labels."""
    from wordgate.tables.values import EMPTY_TEXT, is_empty

    name = "labels" if rule.predicts_several else "label"
    for texts in chunks:
        proba = predictor.predict_proba([text for text in texts if not is_empty(text)])
        rows = zip(rule.predictions(proba), proba.tolist(), strict=True)
        chunk: list[dict[str, Any]] = []
        for text in texts:
            if is_empty(text):
                chunk.append({"text": text, name: None, "probabilities": {}, "error": EMPTY_TEXT})
                continue
            labels, row = next(rows)
            probabilities = dict(zip(predictor.labels, row, strict=True))
            chunk.append({"text": text, name: labels, "probabilities": probabilities})
        yield chunk


def _line(one: dict[str, Any]) -> str:
    from wordgate.report.text import UNDEFINED

    proba = one["probabilities"]
    if "error" in one:
        shown = f"{UNDEFINED}  {one['error']}"
    elif "labels" in one:
        shown = _several(one["labels"], proba)
    else:
        label = one["label"]
        by_rank = sorted(proba.items(), key=lambda item: (item[0] != label, -item[1]))
        shares = "  ".join(f"{one_line(name)} {share:.3f}" for name, share in by_rank)
        shown = f"{UNDEFINED}  {shares}" if label is None else shares
    return f"{shown}\t{one_line(one['text'])}"


def _several(labels: tuple[str, ...], proba: dict[str, float]) -> str:
    """Format the predicted labels and their probabilities; without any, the most probable ones."""
    if not labels:
        most = sorted(proba, key=lambda label: -proba[label])[:_MOST_NOT_PREDICTED]
        return "  ".join([NO_LABEL, *(f"{_quoted(label)} {proba[label]:.3f}" for label in most)])
    shares = " ".join(f"{proba[label]:.3f}" for label in labels)
    return f"{', '.join(map(_quoted, labels))}  {shares}"


def _quoted(label: str) -> str:
    """Quote a label that is ambiguous in a list."""
    from wordgate.report.text import UNDEFINED

    return (
        json.dumps(label, ensure_ascii=False) if label in (NO_LABEL, UNDEFINED) else in_list(label)
    )
