"""`wordgate explain`: the prediction for a text, word by word."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from wordgate.cli import params
from wordgate.cli.streams import (
    print_json,
    remark,
    remark_on_files,
    standard_input,
    warn_of_changes,
)
from wordgate.runtime.display import in_list, one_line, signed

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from wordgate.prediction.explanation import ExplainedWord, Explanation, LabelExplanation

MARKED, MARKED_TWICE = 0.05, 0.2
"""Minimum effects for one mark and for two marks at a word."""
_COLOURED = 0.02
# Foreground and background, readable in light and dark terminals.
_FOR = ("black on #cfe3f2", "black on #8fbfe3", "white on #1f5d86")
_AGAINST = ("black on #f6dfc8", "black on #eeb27a", "white on #a04f10")
_WIDE, _SHORT_BAR, _LONG_BAR = 100, 10, 24
_LONGEST_WORD = 24


@click.command(short_help="Explain the prediction for a text, word by word.")
@click.argument("bundle", type=params.FILE, metavar="MODEL")
@click.argument("text", type=params.TEXT)
@params.option(
    "--label", params.LABEL, "Label to explain (multi-label models).  [default: the most probable]"
)
@params.input_encoding
@params.threads
@params.as_json
def explain(
    bundle: str,
    text: str,
    *,
    label: str | None,
    encoding: str | None,
    threads: int | None,
    as_json: bool,
) -> None:
    """Explain the prediction of MODEL for TEXT, word by word.

    Each word has an effect, which is how much the probability of the label falls without the word,
    and the prediction after reading the text up to and including that word. For an LSTM, the gates
    and the change of the cell state are shown as well. With several labels per text, one label is
    explained, predicted or not, and effects are differences of its log-odds.

    If TEXT is '-', one text is read from standard input. A model trained on several columns expects
    them in the form that 'wordgate info' shows, such as 'entity | text'.
    """
    from wordgate.prediction.decision import DecisionRule
    from wordgate.prediction.predictor import load_with_progress
    from wordgate.runtime.progress import Console

    if encoding is not None and text != "-":
        raise click.UsageError("--encoding has no effect on a TEXT of the command line.")
    predictor = load_with_progress(bundle, Console, threads=threads)
    warn_of_changes(bundle, predictor.changed_files)
    DecisionRule.of(predictor.config).check_explained(label)  # before waiting for a text
    if text == "-":
        text = _from_standard_input(encoding)
    else:
        remark_on_files(bundle, [text])
    explanation = predictor.explain(text, label=label)
    if as_json:
        print_json(explanation.to_json())
    else:
        _print_explanation(explanation)


def _from_standard_input(encoding: str | None) -> str:
    if sys.stdin is None:  # closed by the caller
        raise click.UsageError("TEXT is '-', and standard input is closed.")
    if sys.stdin.isatty():
        remark("Enter one text, on one or more lines; end with Ctrl-D.")
    return "".join(standard_input(encoding, waits_for_all=True)).rstrip("\r\n")


def _print_explanation(explanation: "Explanation") -> None:
    """Print an explanation in the width of the terminal, in color if it supports colors."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, emoji=False, markup=False)
    blocks: list[Text | Table] = [_verdict(explanation)]
    if explanation.words:
        blocks += [_sentence(explanation), Text(_key(explanation)), _table(explanation, console)]
    blocks += [Text(paragraph) for paragraph in _below(explanation)]
    for number, block in enumerate(blocks):
        if number:
            console.print()
        # In a file, a paragraph is one line.
        console.print(block, soft_wrap=isinstance(block, Text) and not console.is_terminal)


def _below(explanation: "Explanation") -> Iterator[str]:
    if explanation.words:
        yield explanation.course_means
    if any(word.gates is not None for word in explanation.words):
        yield (
            "input, forget, output: these gates, from 0 (closed) to 1 (open), averaged over the"
            " hidden units. memory: mean absolute change of the cell state."
        )
    for note in explanation.remarks:
        yield one_line(f"Note: {note}")


def _verdict(explanation: "Explanation") -> "Text":
    from rich.text import Text

    from wordgate.prediction.explanation import LabelExplanation

    if isinstance(explanation, LabelExplanation):
        return _labels(explanation)
    line = Text()
    for label, share in explanation.ranked():
        style = "bold" if label == explanation.label else ""
        line.append(f"{'   ' if line else ''}{one_line(label)} {share:.3f}", style)
    return line


def _labels(explanation: "LabelExplanation") -> "Text":
    from rich.text import Text

    given, others = (
        ", ".join(f"{in_list(label)} {share:.3f}" for label, share in shares)
        for shares in explanation.given_and_others()
    )
    line = Text("Predicted: ").append(given or "no label", "bold")
    line.append(f". Not predicted: {others}." if others else ".")
    return line.append(f"\n{one_line(explanation.verdict())}")


def _sentence(explanation: "Explanation") -> "Text":
    """Format the text with colored words, and marks at strong ones."""
    from rich.text import Text

    sentence, done = Text(), 0
    for word in explanation.words:
        sentence.append(one_line(explanation.text[done : word.start]))
        shown = one_line(explanation.text[word.start : word.end])
        sentence.append(shown, _style(explanation, word))
        strong = _strength(explanation, word)
        if strong:
            sentence.append(f"({strong * ('+' if word.effect > 0 else '-')})", "bold")
        done = word.end
    return sentence.append(one_line(explanation.text[done:]))


def _strength(explanation: "Explanation", word: "ExplainedWord") -> int:
    """Return the number of marks of a word's effect, 0 to 2."""
    effect = abs(word.effect) / explanation.effect_scale
    return (effect >= MARKED) + (effect >= MARKED_TWICE)


def _style(explanation: "Explanation", word: "ExplainedWord") -> str:
    if abs(word.effect) < _COLOURED * explanation.effect_scale:
        return ""
    return (_FOR if word.effect > 0 else _AGAINST)[_strength(explanation, word)]


def _key(explanation: "Explanation") -> str:
    once, twice = MARKED * explanation.effect_scale, MARKED_TWICE * explanation.effect_scale
    are = "probability is" if explanation.effect_means == "probability" else "log-odds are"
    return (
        f"(+): the word supports {one_line(explanation.label)}, whose {are} lower by {once:g} or"
        f" more without it; (++): by {twice:g} or more. (-) and (--): the word opposes it."
    )


def _table(explanation: "Explanation", console: "Console") -> "Table":
    """Format a row for the prediction before any word, and one for each word."""
    from rich.table import Table
    from rich.text import Text

    has_gates = any(word.gates is not None for word in explanation.words)
    bar = _LONG_BAR if console.width >= _WIDE else _SHORT_BAR
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("word", no_wrap=True, overflow="ellipsis", max_width=_LONGEST_WORD)
    table.add_column("effect", justify="right", no_wrap=True)
    label = one_line(explanation.label)
    table.add_column(f"P({label})", width=7 + bar)
    for name in ("input", "forget", "output", "memory") if has_gates else ():
        table.add_column(name, justify="right", no_wrap=True)
    filled = "#" if console.options.ascii_only else "█"

    def after(share: float) -> str:
        return f"{share:.3f}  {round(bar * share) * filled}"

    table.add_row("", "", after(explanation.start[explanation.label]))
    for word in explanation.words:
        shown = Text().append(one_line(word.word), _style(explanation, word))
        shown.append("" if word.known else " (unknown)")
        table.add_row(
            shown,
            signed(word.effect, 3),
            after(word.probabilities[explanation.label]),
            *(_gates(word) if has_gates else ()),
        )
    return table


def _gates(word: "ExplainedWord") -> tuple[str, ...]:
    from wordgate.report.text import UNDEFINED

    if word.gates is None or word.memory_change is None:
        return 4 * (UNDEFINED,)
    gates = (word.gates.input, word.gates.forget, word.gates.output)
    return (*(f"{gate:.2f}" for gate in gates), f"{word.memory_change:.3f}")
