"""`wordgate explain`: why a text is given its label, word by word."""

import json
import sys

import click

from wordgate.cli.options import json_option, threads_option
from wordgate.cli.streams import remark


@click.command(short_help="Explain a text's label, word by word.")
@click.argument("bundle")
@click.argument("text")
@threads_option
@json_option
def explain(bundle: str, text: str, *, threads: int | None, as_json: bool) -> None:
    """Tell why the model in BUNDLE gives TEXT its label, word by word.

    Of every word you are shown its effect, which is what the verdict's probability would lose
    without it, and the verdict after it: an LSTM has one after every word, and of other models the
    text's beginnings are predicted. Of an LSTM you see its gates and its memory, too.

    A '-' for TEXT reads one text from standard input, to its end. A model of several columns takes
    them in the form that 'wordgate info' shows, such as 'entity | text'.
    """
    from wordgate.cli.views import change_warnings
    from wordgate.prediction.predictor import load

    predictor = load(bundle, threads=threads)
    for warning in change_warnings(bundle, predictor.changed_files):
        remark(warning)
    explanation = predictor.explain(_from_standard_input() if text == "-" else text)
    if as_json:
        click.echo(json.dumps(explanation.to_json(), ensure_ascii=False))
        return
    from wordgate.cli.explanation_view import print_explanation

    print_explanation(explanation)


def _from_standard_input() -> str:
    from wordgate.tables.encoding import BYTE_ORDER_MARK

    if sys.stdin is None:  # closed by the caller
        raise click.UsageError("TEXT is '-', and standard input is closed.")
    if sys.stdin.isatty():
        remark("One text, over as many lines as you like; end with Ctrl-D.")
    text = sys.stdin.buffer.read().decode("utf-8", "replace").removeprefix(BYTE_ORDER_MARK)
    return text.rstrip("\r\n")
