"""`wordgate demo`: the value of word order, shown in under a minute."""

from typing import TYPE_CHECKING

import click

from wordgate.cli import params
from wordgate.cli.streams import command, print_json, wrapped, write_result

if TYPE_CHECKING:
    from wordgate.experiments.demo import Demo


@click.command(
    short_help="Train on a synthetic corpus in which only word order determines the label."
)
@params.option(
    "--out", params.FOLDER, "Where to write the corpus and the model.", default="wordgate-demo"
)
@params.seed
@params.threads
@params.as_json
@params.verbosity
def demo(
    out: str, *, seed: int, threads: int | None, as_json: bool, verbose: bool, quiet: bool
) -> None:
    """Train on a small synthetic corpus in which only word order determines the label.

    No network and no data are needed. Word counts are hardly better than chance on this corpus; an
    LSTM learns the order.
    """
    from wordgate.experiments.demo import run_demo

    progress = params.progress_of(verbose=verbose, quiet=quiet)
    outcome = run_demo(out, seed=seed, threads=threads, progress=progress)
    if as_json:
        print_json(outcome.training.metrics.model_dump(mode="json"))
    else:
        write_result(_format_demo(outcome))


def _format_demo(outcome: "Demo") -> str:
    from wordgate.report.text import costs, leak_warning, scores_beside_baselines

    metrics = outcome.training.metrics
    why = (
        "The corpus is synthetic. Every message describes two feelings; the label is the later"
        " one. Both labels use the same words, so n-grams of 1 to 3 words are hardly better than"
        " chance. The LSTM reads the words in order. The test messages have sentence patterns and"
        " names that do not occur in the training messages."
    )
    return "\n\n".join(
        [
            scores_beside_baselines("lstm", metrics),
            wrapped(why),
            wrapped(f"{leak_warning(metrics.split)}\n{costs(metrics)}"),
            "How the prediction changes while it reads a sentence:",
            *(_growing(prefixes) for prefixes in outcome.growing),
            f"Saved: {outcome.folder}/corpus.csv and {outcome.folder}/model. Try:\n"
            f"  {command('predict', f'{outcome.folder}/model', outcome.growing[0][0][0])}\n"
            f"  {command('train', f'{outcome.folder}/corpus.csv', '--out', 'mine')}",
        ]
    )


def _growing(prefixes: list[tuple[str, str, float]]) -> str:
    before = ""
    lines = []
    for text, label, probability in prefixes:
        added = text.removeprefix(before)
        line = f"  {label:<13} {probability:.2f}  {'...' if before else ''}{added}"
        lines.append(wrapped(line, indent=22))
        before = text
    return "\n".join(lines)
