"""`wordgate predict`: labels and probabilities of texts."""

import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, TypedDict

import click

from wordgate.cli.options import (
    FILE_NAME,
    abstain_option,
    input_encoding_option,
    json_option,
    kernel_option,
    threads_option,
)
from wordgate.cli.streams import (
    argument_text,
    print_json,
    remark,
    standard_input,
    to_json,
    warn_of_changes,
    write_result,
)
from wordgate.runtime.display import one_line

if TYPE_CHECKING:
    from wordgate.prediction.predictor import Predictor

LINES_AT_ONCE = 8192


class _Prediction(TypedDict):
    text: str
    label: str | None
    probabilities: dict[str, float]


class _PredictedText(_Prediction, total=False):
    error: str


@click.command(short_help="Label texts.")
@click.argument("bundle", type=FILE_NAME)
@click.argument("texts", nargs=-1, type=argument_text, metavar="[TEXT]...")
@json_option
@click.option("--jsonl", "as_jsonl", is_flag=True, help="Print one JSON object per text.")
@input_encoding_option
@abstain_option
@kernel_option
@threads_option
def predict(
    bundle: str,
    texts: tuple[str, ...],
    *,
    as_json: bool,
    as_jsonl: bool,
    encoding: str | None,
    abstain_below: float,
    kernel: str,
    threads: int | None,
) -> None:
    """Label each TEXT, or each line of standard input, with the model in BUNDLE.

    Lines are answered as they arrive. For whole files use 'wordgate score'.

    Prints one line per text: the labels with their probabilities, the most probable first, a tab,
    and the text. Where the model abstains the line begins with a dash, and in JSON the label is
    null. The same holds for a text that is empty or only white space, which has no probabilities;
    JSON has an 'error' for it. A model of several columns takes them in one TEXT, in the form that
    'wordgate info' shows, such as 'entity | text'.
    """
    from wordgate.prediction.predictor import check_abstain, load_aloud
    from wordgate.runtime.progress import Console

    if as_json and as_jsonl:
        raise click.UsageError("--json and --jsonl exclude each other.")
    if encoding is not None and texts:
        raise click.UsageError("--encoding has no effect on a TEXT of the command line.")
    check_abstain(abstain_below)
    predictor = load_aloud(bundle, Console, kernel=kernel, threads=threads)
    warn_of_changes(bundle, predictor.changed_files)
    chunks = _chunks(texts, predictor.config.text_form(), encoding)
    answers = _answers(predictor, chunks, abstain_below)
    if as_json:
        print_json({"predictions": [answer for chunk in answers for answer in chunk]})
        return
    for chunk in answers:
        write_result("\n".join(map(to_json if as_jsonl else _line, chunk)))


def _chunks(texts: tuple[str, ...], form: str | None, encoding: str | None) -> Iterator[list[str]]:
    """Give the texts in chunks: of standard input, the lines that have come so far."""
    from wordgate.tables.characters import arriving_lines

    if texts:
        yield list(texts)
        return
    if sys.stdin is None:  # closed by the caller
        raise click.UsageError("There is no TEXT, and standard input is closed.")
    if sys.stdin.isatty():
        written = "" if form is None else f", written as {one_line(form)}"
        remark(f"One text a line{written}; end with Ctrl-D.")
    parts = standard_input(encoding, waits_for_all=False)
    for lines in arriving_lines(parts, LINES_AT_ONCE):
        yield [line.rstrip("\r") for line in lines]


def _answers(
    predictor: "Predictor", chunks: Iterable[list[str]], abstain_below: float
) -> Iterator[list[_PredictedText]]:
    from wordgate.tables.values import EMPTY_TEXT, is_empty

    for texts in chunks:
        chunk: list[_PredictedText] = []
        rows = iter(predictor.predict_proba([text for text in texts if not is_empty(text)]))
        for text in texts:
            if is_empty(text):
                chunk.append(
                    {"text": text, "label": None, "probabilities": {}, "error": EMPTY_TEXT}
                )
                continue
            row = next(rows)
            label = predictor.labels[int(row.argmax())] if row.max() >= abstain_below else None
            probabilities = dict(zip(predictor.labels, row.tolist(), strict=True))
            chunk.append({"text": text, "label": label, "probabilities": probabilities})
        yield chunk


def _line(answer: _PredictedText) -> str:
    from wordgate.report.text import UNDEFINED

    likely_first = sorted(answer["probabilities"].items(), key=lambda item: -item[1])
    shares = "  ".join(f"{one_line(label)} {share:.3f}" for label, share in likely_first)
    shares = answer.get("error", shares)
    abstained = f"{UNDEFINED}  " if answer["label"] is None else ""
    return f"{abstained}{shares}\t{one_line(answer['text'])}"
