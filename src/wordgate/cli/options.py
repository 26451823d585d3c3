"""Options that several commands share."""

import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click

from wordgate.cli.streams import argument_text
from wordgate.runtime.cpu import MOST_THREADS
from wordgate.runtime.engine import ENGINES, LOCAL
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
    " 'entity | text'; the last is the main text, and only it is searched for duplicates. "
    " [default: inferred]",
)
_label_option = stack(
    click.option(
        "--label",
        type=argument_text,
        metavar="COLUMN",
        help="Column of the labels. Several, such as toxic,threat, are read as 0/1 indicators of"
        " one label each (multi-label data).  [default: inferred]",
    ),
    click.option(
        "--label-separator",
        type=argument_text,
        metavar="TEXT",
        help="Separator between labels in a cell, such as ';' (multi-label data); 'none' for one"
        " label per text.  [default: detected where unambiguous]",
    ),
)
_group_option = click.option(
    "--group",
    type=argument_text,
    metavar="COLUMN",
    help="Column of group IDs: a grouped split keeps each group in one subset; 'none' for no"
    " groups.  [default: inferred]",
)
_row_options = stack(
    click.option(
        "--drop-label",
        "drop_labels",
        type=argument_text,
        metavar="LABEL",
        multiple=True,
        help="Leave out the rows with this label (multi-label data: only the label); may be"
        " repeated.",
    ),
    click.option(
        "--encoding",
        metavar="NAME",
        help="The file's encoding, such as cp1252.  [default: detected]",
    ),
    click.option(
        "--limit",
        metavar="N",
        type=click.IntRange(min=1),
        help="Sample at most N rows: whole groups, at random, stratified by label.",
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

workers_option = click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(1, MOST_THREADS),
    help="Number of processes that train an LSTM together on the CPU: each computes a part of every"
    " batch, with its share of --threads. By default two candidates are trained at the same time,"
    " or batches are cut where they are large enough.",
)


def engine_option(what: str) -> Callable[[Command], Command]:
    """Give ``--engine``; what it distributes differs by command."""
    return click.option(
        "--engine",
        type=click.Choice(ENGINES),
        default=LOCAL,
        show_default=True,
        help=f"Where {what} run: local, one after another; or ray, at the same time on the Ray"
        " cluster that RAY_ADDRESS names, else on the cores of this machine, each with one thread"
        " or as many as --threads. Needs the 'ray' extra.",
    )


def split_option(default: str) -> Callable[[Command], Command]:
    """Give ``--split``; what happens without it differs by command."""
    return click.option(
        "--split",
        type=click.Choice(["grouped", "random"]),
        help="Keep groups together, or split at random and report the leakage. "
        f" [default: {default}]",
    )


def _settings(
    _ctx: click.Context, _param: click.Parameter, assignments: tuple[str, ...]
) -> dict[str, object]:
    """Give the settings of ``--set`` by their names."""
    if not assignments:
        return {}
    from wordgate.settings import parse_assignments

    return {**parse_assignments(assignments)}


fitting_options = stack(
    click.option(
        "--recipe",
        type=FILE_NAME,
        metavar="NAME",
        help="A recipe, which is a named set of all settings (see 'wordgate recipe list'), or"
        " your own .toml file.  [default: taught with --teacher, else default]",
    ),
    click.option(
        "--set",
        "settings",
        metavar="KEY=VALUE",
        multiple=True,
        callback=_settings,
        help="Change one setting of the recipe; may be repeated.",
    ),
    click.option(
        "--class-weight",
        metavar="WEIGHTS",
        help="Weights of the labels in the loss: balanced, moderate, none, or your own, such as"
        " spam=5,ham=1. They shift probabilities towards labels with higher weights."
        "  [default: the recipe's]",
    ),
    click.option(
        "--vectors",
        type=FILE_NAME,
        metavar="FILE",
        help="Pretrained word vectors: a word2vec, fastText or GloVe file; or googlenews, glove,"
        " glove-twitter or fasttext, which are downloaded. 'wordgate vectors distill' creates"
        " vectors for your own words.",
    ),
    click.option(
        "--test-size",
        metavar="FRACTION",
        type=float,
        help="Fraction of the rows in the test set.  [default: the recipe's, 0.2]",
    ),
    click.option("--valid", type=FILE_NAME, metavar="FILE", help="A separate file for validation."),
    click.option("--test", type=FILE_NAME, metavar="FILE", help="A separate file for testing."),
    click.option(
        "--split-column",
        type=argument_text,
        metavar="COLUMN",
        help="Column that assigns each row to train, valid or test.",
    ),
    click.option(
        "--weight",
        type=argument_text,
        metavar="COLUMN",
        help="Column of sample weights.  [default: all equal]",
    ),
    seed_option,
    click.option(
        "--device",
        metavar="NAME",
        default="auto",
        show_default=True,
        help="Device: auto, cpu, cuda or cuda:N.",
    ),
    threads_option,
)

learning_options = stack(
    fitting_options,
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
        help="Knowledge distillation: train an LSTM or MLP on a larger model's predictions for your"
        " texts and variations of them. The larger model: minilm, a folder, or OWNER/NAME on the"
        " Hugging Face Hub, which are fine-tuned first; or the folder of a saved model. May be"
        " repeated: their predictions are averaged.",
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
        help="Time limit for fine-tuning the teacher and labeling.  [default: none]",
    ),
)

limit_options = stack(
    click.option(
        "--minutes",
        metavar="N",
        type=float,
        help="Time limit of a search, for the whole command.  [default: 15, by --preset good]",
    ),
    click.option(
        "--preset",
        metavar="NAME",
        help="In place of --minutes: quick (3), good (15) or best (60).",
    ),
    click.option(
        "--max-ms",
        metavar="X",
        type=float,
        help="Search for models that predict one text within X milliseconds on this machine.",
    ),
    click.option(
        "--max-mb",
        metavar="Y",
        type=float,
        help="Search for models that take at most Y megabytes on disk.",
    ),
    click.option(
        "--trials",
        metavar="N",
        type=click.IntRange(min=1),
        help="End a search after N trials at the latest.",
    ),
)

training_options = stack(
    click.option(
        "--out", type=FILE_NAME, metavar="FOLDER", required=True, help="Where to write the model."
    ),
    click.option(
        "--overwrite",
        is_flag=True,
        help="Replace an existing model; restart an interrupted training run.",
    ),
    click.option("--resume", is_flag=True, help="Continue an interrupted training run."),
    click.option(
        "--family",
        "--model",
        "model",
        metavar="FAMILY",
        default="lstm",
        show_default=True,
        help="Family of models: count (word and character n-grams, logistic regression); logreg or"
        " mlp (averaged word vectors); lstm; or transformer (fine-tuned). auto searches family and"
        " settings, on the training rows alone.",
    ),
    click.option(
        "--epochs", metavar="N", help="Maximum number of epochs.  [default: the recipe's]"
    ),
    click.option(
        "--learning-rate", metavar="RATE", help="Peak learning rate.  [default: the recipe's]"
    ),
    click.option("--batch-size", metavar="N", help="Texts per update.  [default: the recipe's]"),
    click.option(
        "--objective",
        metavar="NAME",
        help="What the decision thresholds optimize, on validation rows: f1, precision@0.9,"
        " recall@0.9 or cost@1:5 (false positive : false negative), or a .toml file of costs by"
        " label; none for 0.5, or for the most probable label.  [default: f1 for multi-label data,"
        " else none] With --family auto also the score to maximize: accuracy, macro_f1, micro_f1.",
    ),
    split_option("the recipe's"),
    learning_options,
    teaching_options,
    click.option(
        "--max-minutes",
        metavar="M",
        type=float,
        help="Time limit for the whole command. Reading the data, the baseline's n-grams, the first"
        " epoch and the evaluation always run to completion; with --resume, 0 saves the best epoch"
        " so far."
        "  [default: none]",
    ),
)

abstain_option = click.option(
    "--abstain-below",
    metavar="P",
    type=float,
    default=0.0,
    show_default=True,
    help="Assign no label if the highest probability is below P. The model's"
    " report.html shows accuracy and coverage by P.",
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
    help="Use P as the decision threshold in place of the model's thresholds, for"
    " all labels or for LABEL; may be repeated. For multi-label models, and for binary"
    " classifiers, where P applies to the second label.",
)

top_option = click.option(
    "--top",
    metavar="K",
    type=click.IntRange(min=1),
    help="Predict the K most probable labels, regardless of their probabilities.",
)

kernel_option = click.option(
    "--kernel",
    metavar="NAME",
    default="numpy",
    show_default=True,
    help="Implementation of the LSTM: numpy; numba, twice as fast; or numba-int8, faster still,"
    " int8-quantized. numba needs the 'numba' extra and compiles for a few seconds. Of a"
    " transformer: torch-bfloat16, three times as fast where the processor has it, or onnx-int8,"
    " int8-quantized, which needs the 'onnx' extra.",
)

overwrite_option = click.option("--overwrite", is_flag=True, help="Replace existing output.")

verbosity_options = stack(
    click.option("-v", "--verbose", is_flag=True, help="Show details."),
    click.option("-q", "--quiet", is_flag=True, help="Show no progress."),
)


def chosen_settings(
    settings: Mapping[str, object], flags: Mapping[str, tuple[str, str | None]]
) -> dict[str, object]:
    """Join the settings of ``--set`` and those that have flags of their own.

    `flags` are the settings' names and values by their flags; None for a flag that was not given.
    """
    chosen = {**settings}
    for flag, (setting, value) in flags.items():
        if value is None:
            continue
        if setting in settings:
            raise click.UsageError(f"{flag} and --set {setting} are the same setting: give one")
        chosen[setting] = value
    return chosen


def progress_of(*, verbose: bool, quiet: bool, console: type[Console] = Console) -> Progress:
    """Give where the progress of a command goes: to a console of this type, or nowhere."""
    if verbose and quiet:
        raise click.UsageError("--verbose and --quiet are mutually exclusive: leave one out")
    return Silent() if quiet else console(verbose=verbose)


input_encoding_option = click.option(
    "--encoding",
    metavar="NAME",
    help="The encoding of standard input, such as cp1252.  [default: detected]",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
