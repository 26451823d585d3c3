"""Options that several commands share."""

import os
from collections.abc import Callable
from typing import Any, TypeVar

import click

from wordgate.cli.streams import argument_text
from wordgate.runtime.cpu import MOST_THREADS
from wordgate.runtime.progress import Console, Progress, Silent

Command = TypeVar("Command", bound=Callable[..., Any])


class _FileName(click.types.StringParamType):
    """The name of a file or folder, or another name; a ~ is the user's home, as in a shell."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ARG002
        return os.path.expanduser(value)


FILE_NAME = _FileName()


def stack(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Join options into one decorator, in their order in ``--help``."""

    def decorate(command: Command) -> Command:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


_text_option = click.option(
    "--text",
    type=argument_text,
    metavar="COLUMN",
    help="Column of the texts: a name or a number. Several, such as entity,text, are joined as"
    " 'entity | text'; the last is the text itself, in which copies are sought.",
)
_label_option = click.option(
    "--label", type=argument_text, metavar="COLUMN", help="Column of the labels."
)
_group_option = click.option(
    "--group",
    type=argument_text,
    metavar="COLUMN",
    help="Column of the groups that a fair split keeps together; 'none' for no groups.",
)
_row_options = stack(
    click.option(
        "--drop-label",
        "drop_labels",
        type=argument_text,
        metavar="LABEL",
        multiple=True,
        help="Leave out the rows of this label; may be repeated.",
    ),
    click.option("--encoding", metavar="NAME", help="The file's encoding, such as cp1252."),
    click.option(
        "--limit",
        metavar="N",
        type=click.IntRange(min=1),
        help="Keep N rows at most: whole groups, sampled by the seed, each label in proportion.",
    ),
)
reading_options = stack(_text_option, _label_option, _group_option, _row_options)
ungrouped_reading_options = stack(_text_option, _label_option, _row_options)

seed_option = click.option(
    "--seed",
    metavar="N",
    default=0,
    show_default=True,
    type=click.IntRange(min=0),
    help="Random seed.",
)


threads_option = click.option(
    "--threads",
    metavar="N",
    type=click.IntRange(1, MOST_THREADS),
    help="Number of CPU threads.  [default: WORDGATE_THREADS, else OMP_NUM_THREADS, else the"
    " available cores]",
)


def split_option(default: str) -> Callable[[Command], Command]:
    """Give ``--split``; what happens without it differs by command."""
    return click.option(
        "--split",
        type=click.Choice(["grouped", "random"]),
        help="Keep groups together, or split at random and report the leakage. "
        f" [default: {default}]",
    )


learning_options = stack(
    click.option(
        "--recipe",
        type=FILE_NAME,
        metavar="NAME",
        help="Settings: default; taught, for students of a teacher; notebook, the tutorial's, whose"
        " vectors are --vectors googlenews; notebook-fast, its network on a better schedule; or a"
        " .toml file of your own.  [default: taught with --teacher, else default]",
    ),
    click.option(
        "--set",
        "assignments",
        metavar="KEY=VALUE",
        multiple=True,
        help="Change one setting of the recipe; may be repeated.",
    ),
    click.option(
        "--vectors",
        type=FILE_NAME,
        metavar="FILE",
        help="Pretrained word vectors to begin with: a word2vec, fastText or GloVe file; or"
        " googlenews, glove, glove-twitter or fasttext, which are fetched. 'wordgate vectors"
        " distill' makes some for your own words.",
    ),
    click.option(
        "--test-size", metavar="SHARE", type=float, help="Share of the rows in the test set."
    ),
    click.option("--valid", type=FILE_NAME, metavar="FILE", help="A separate file for validation."),
    click.option("--test", type=FILE_NAME, metavar="FILE", help="A separate file for testing."),
    click.option(
        "--split-column",
        type=argument_text,
        metavar="COLUMN",
        help="Column of train, valid or test.",
    ),
    seed_option,
    click.option(
        "--device",
        metavar="NAME",
        default="auto",
        show_default=True,
        help="Where to compute: auto, cpu, cuda or cuda:N.",
    ),
    threads_option,
    click.option(
        "--no-texts", is_flag=True, help="Leave the texts of the data out of report.html."
    ),
)

teaching_options = stack(
    click.option(
        "--teacher",
        type=FILE_NAME,
        metavar="NAME",
        multiple=True,
        help="Train an LSTM or MLP on a larger model's predictions for your texts and variations of"
        " them: minilm, a folder or OWNER/NAME, which are fine-tuned first; or a saved model's"
        " folder. Repeated, they teach together.",
    ),
    click.option(
        "--unlabelled",
        type=FILE_NAME,
        metavar="FILE",
        multiple=True,
        help="Texts without labels for the teacher to label; may be repeated.",
    ),
    click.option(
        "--teaching-minutes",
        metavar="M",
        type=float,
        help="Time limit for fine-tuning the teacher and labelling.",
    ),
)

training_options = stack(
    click.option(
        "--out",
        type=FILE_NAME,
        metavar="FOLDER",
        required=True,
        help="Where to write the model.",
    ),
    click.option(
        "--overwrite",
        is_flag=True,
        help="Replace a model that is there; begin anew where a training was interrupted.",
    ),
    click.option("--resume", is_flag=True, help="Go on with the training that was interrupted."),
    click.option(
        "--family",
        "--model",
        "model",
        metavar="FAMILY",
        default="lstm",
        show_default=True,
        help="What to train: count (words and characters, logistic regression); logreg or mlp, over"
        " averaged word vectors; lstm; or transformer, which is fine-tuned.",
    ),
    click.option("--epochs", metavar="N", help="Most passes over the training texts."),
    click.option("--learning-rate", metavar="RATE", help="The optimizer's highest rate."),
    click.option("--batch-size", metavar="N", help="Texts per update."),
    split_option("the recipe's"),
    learning_options,
    teaching_options,
    click.option(
        "--max-minutes",
        metavar="M",
        type=float,
        help="End the whole command within M minutes; with --resume, 0 makes a model of the best"
        " so far.",
    ),
)

abstain_option = click.option(
    "--abstain-below",
    metavar="P",
    type=float,
    default=0.0,
    help="Give no label where the most probable one has a probability below P. The model's"
    " report.html shows what P leaves.",
)


def _thresholds(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> float | dict[str, float] | None:
    """Read ``P``, or ``LABEL=P`` as often as there are labels to name."""
    by_label: dict[str, float] = {}
    for value in values:
        label, equals, number = value.rpartition("=")
        try:
            threshold = float(number)
        except ValueError:
            raise click.BadParameter(
                f"{value!r} is neither a probability nor LABEL=P, such as spam=0.8", ctx, param
            ) from None
        if not equals:
            if len(values) > 1:
                raise click.BadParameter("give one P for all labels, or LABEL=P only", ctx, param)
            return threshold
        if label in by_label:
            raise click.BadParameter(f"{label!r} has two thresholds: leave one out", ctx, param)
        by_label[label] = threshold
    return by_label or None


threshold_option = click.option(
    "--threshold",
    metavar="[LABEL=]P",
    multiple=True,
    type=argument_text,
    callback=_thresholds,
    help="Give labels from a probability of P on, instead of the model's own thresholds: all"
    " labels, or the LABEL named; may be repeated. For models of several labels a text; and for"
    " those of two labels, whose second label P is for.",
)

kernel_option = click.option(
    "--kernel",
    metavar="NAME",
    default="numpy",
    show_default=True,
    help="What computes an LSTM: numpy; numba, twice as fast; or numba-int8, faster still,"
    " int8-quantized. Numba is the extra 'numba', and takes a second or two to begin.",
)

overwrite_option = click.option("--overwrite", is_flag=True, help="Replace what is there.")

verbosity_options = stack(
    click.option("-v", "--verbose", is_flag=True, help="Show details."),
    click.option("-q", "--quiet", is_flag=True, help="Show no progress."),
)


def progress_of(*, verbose: bool, quiet: bool, console: type[Console] = Console) -> Progress:
    """Give where the progress of a command goes: to a console of this type, or nowhere.

    Raises:
        UsageError: It is to be verbose and quiet.
    """
    if verbose and quiet:
        raise click.UsageError("--verbose and --quiet exclude each other: leave one out")
    return Silent() if quiet else console(verbose=verbose)


input_encoding_option = click.option(
    "--encoding",
    metavar="NAME",
    help="The encoding of standard input, such as cp1252.  [default: found by its bytes]",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
