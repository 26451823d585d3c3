"""`wordgate predict`: labels and probabilities of texts."""

import io
import json
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, TypedDict

import click

from wordgate.cli.options import json_option

if TYPE_CHECKING:
    from wordgate.prediction.predictor import Predictor

LINES_AT_ONCE = 256


class Answer(TypedDict):
    """One text's label and its probabilities by label."""

    text: str
    label: str
    probabilities: dict[str, float]


@click.command()
@click.argument("bundle")
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@json_option
@click.option("--jsonl", "as_jsonl", is_flag=True, help="Print one JSON object a text.")
def predict(bundle: str, texts: tuple[str, ...], *, as_json: bool, as_jsonl: bool) -> None:
    """Label each TEXT, or each line of standard input, with the model in BUNDLE."""
    from wordgate.prediction.predictor import load

    predictor = load(bundle)
    for name in predictor.changed_files:
        click.echo(f"wordgate: warning: {bundle}/{name} was changed or lost", err=True)
    answers = _answers(predictor, _chunks(texts))
    if as_json:
        click.echo(json.dumps({"predictions": list(answers)}, ensure_ascii=False))
        return
    for answer in answers:
        click.echo(json.dumps(answer, ensure_ascii=False) if as_jsonl else _line(answer))


def _chunks(texts: tuple[str, ...]) -> Iterator[list[str]]:
    """Give the texts in chunks: in a terminal each line is answered at once."""
    if texts:
        yield list(texts)
        return
    at_once = LINES_AT_ONCE
    if sys.stdin.isatty():
        click.echo("One text a line; end with Ctrl-D.", err=True)
        at_once = 1
    lines = io.TextIOWrapper(sys.stdin.buffer, encoding="utf-8-sig", errors="replace")
    while chunk := [line.rstrip("\r\n") for line in islice(lines, at_once)]:
        yield chunk


def _answers(predictor: "Predictor", chunks: Iterable[list[str]]) -> Iterator[Answer]:
    for texts in chunks:
        for text, row in zip(texts, predictor.predict_proba(texts), strict=True):
            label = predictor.labels[int(row.argmax())]
            probabilities = dict(zip(predictor.labels, row.tolist(), strict=True))
            yield {"text": text, "label": label, "probabilities": probabilities}


def _line(answer: Answer) -> str:
    likely_first = sorted(answer["probabilities"].items(), key=lambda item: -item[1])
    return (
        "  ".join(f"{label} {share:.3f}" for label, share in likely_first) + f"\t{answer['text']}"
    )
