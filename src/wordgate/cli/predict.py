"""`wordgate predict`: labels and probabilities of texts."""

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
BYTE_ORDER_MARK = "\ufeff"


class Answer(TypedDict):
    """One text's label and its probabilities by label."""

    text: str
    label: str | None
    probabilities: dict[str, float]


@click.command(short_help="Label texts.")
@click.argument("bundle")
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@json_option
@click.option("--jsonl", "as_jsonl", is_flag=True, help="Print one JSON object a text.")
@click.option(
    "--abstain-below",
    metavar="P",
    type=float,
    default=0.0,
    help="Give no label where the most probable one has a probability below P. The model's"
    " report.html shows what P leaves.",
)
def predict(
    bundle: str, texts: tuple[str, ...], *, as_json: bool, as_jsonl: bool, abstain_below: float
) -> None:
    """Label each TEXT, or each line of standard input, with the model in BUNDLE.

    Prints a line a text: the labels with their probabilities, the most probable first, and after
    a tab the text. Where the model abstains the line begins with a dash, in JSON the label is null.
    A model of several columns takes them in one TEXT, in the form that 'wordgate
    info' shows, such as 'entity | text'.
    """
    from wordgate.cli.views import change_warnings
    from wordgate.prediction.predictor import check_abstain, load

    if as_json and as_jsonl:
        raise click.UsageError("--json and --jsonl exclude each other.")
    check_abstain(abstain_below)
    predictor = load(bundle)
    for warning in change_warnings(bundle, predictor.changed_files):
        click.echo(warning, err=True)
    chunks = _chunks(texts, predictor.config.text_form())
    answers = _answers(predictor, chunks, abstain_below)
    if as_json:
        click.echo(json.dumps({"predictions": list(answers)}, ensure_ascii=False))
        return
    for answer in answers:
        click.echo(json.dumps(answer, ensure_ascii=False) if as_jsonl else _line(answer))


def _chunks(texts: tuple[str, ...], form: str | None) -> Iterator[list[str]]:
    """Give the texts in chunks: in a terminal each line is answered at once."""
    from wordgate.cli.views import one_line
    from wordgate.data.decoding import without_surrogates

    if texts:
        yield [without_surrogates(text) for text in texts]
        return
    if sys.stdin is None:  # closed by the caller
        raise click.UsageError("There is no TEXT, and standard input is closed.")
    at_once = LINES_AT_ONCE
    if sys.stdin.isatty():
        written = "" if form is None else f", written as {one_line(form)}"
        click.echo(f"One text a line{written}; end with Ctrl-D.", err=True)
        at_once = 1
    lines = _lines()
    while chunk := list(islice(lines, at_once)):
        yield chunk


def _lines() -> Iterator[str]:
    for number, raw in enumerate(sys.stdin.buffer):
        line = raw.decode("utf-8", "replace").rstrip("\r\n")
        yield line if number else line.removeprefix(BYTE_ORDER_MARK)


def _answers(
    predictor: "Predictor", chunks: Iterable[list[str]], abstain_below: float
) -> Iterator[Answer]:
    for texts in chunks:
        for text, row in zip(texts, predictor.predict_proba(texts), strict=True):
            sure = row.max() >= abstain_below
            label = predictor.labels[int(row.argmax())] if sure else None
            probabilities = dict(zip(predictor.labels, row.tolist(), strict=True))
            yield {"text": text, "label": label, "probabilities": probabilities}


def _line(answer: Answer) -> str:
    from wordgate.cli.views import one_line
    from wordgate.evaluation.report_text import UNDEFINED

    likely_first = sorted(answer["probabilities"].items(), key=lambda item: -item[1])
    shares = "  ".join(f"{one_line(label)} {share:.3f}" for label, share in likely_first)
    abstained = f"{UNDEFINED}  " if answer["label"] is None else ""
    return f"{abstained}{shares}\t{one_line(answer['text'])}"
