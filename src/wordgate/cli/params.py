"""Options that several commands share."""

import os
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click
from click.core import ParameterSource

from wordgate.arguments import option_name
from wordgate.cli.streams import argument_text
from wordgate.families import AUTO
from wordgate.runtime.engine import ENGINES, LOCAL
from wordgate.runtime.progress import Console, Progress, Silent
from wordgate.runtime.threads import MOST_THREADS

Command = TypeVar("Command", bound=Callable[..., Any])

COLUMNS = ("text", "label", "label_separator", "drop_labels", "encoding", "limit")
"""Parameters of `ungrouped_reading`."""
ROWS = (*COLUMNS, "group", "split", "test_size", "valid", "test", "split_column", "weight", "seed",
        "vectors")  # fmt: skip
"""Parameters that determine the rows that models are trained and tested on, and their vectors."""


def _argument_type(name: str, read: Callable[[str], str]) -> "click.ParamType[str]":
    found = click.types.FuncParamType(read)
    found.name = name
    return found


# A ~ in the name of a file is the home folder of the user, as in a shell.
FILE, FOLDER, NAME = (_argument_type(x, os.path.expanduser) for x in ("FILE", "FOLDER", "NAME"))
COLUMN, LABEL, TEXT = (_argument_type(x, argument_text) for x in ("COLUMN", "LABEL", "TEXT"))


def stack(*options: Callable[[Any], Any]) -> Callable[[Command], Command]:
    """Join options into one decorator, in their order in ``--help``."""

    def decorate(command: Command) -> Command:
        for add in reversed(options):
            command = add(command)
        return command

    return decorate


def option(
    name: str, kind: "click.ParamType[Any] | str", description: str, *names: str, **settings: Any
) -> Callable[[Command], Command]:
    """Return an option; its default, if any, is shown in ``--help``.

    Args:
        name: The flag.
        kind: The type of its value, or the name of its value in ``--help``.
        description: The help text.
        *names: Other flags, or the name of the parameter.
        **settings: Arguments of `click.option`.
    """
    settings["metavar" if isinstance(kind, str) else "type"] = kind
    settings["show_default"] = "default" in settings
    return click.option(name, *names, help=description, **settings)


def flag(name: str, description: str, *names: str) -> Callable[[Command], Command]:
    """Return an option without a value."""
    return click.option(name, *names, is_flag=True, help=description)


_text_option = option(
    "--text",
    COLUMN,
    "Column of the texts: a name or a number. Several, such as entity,text, are joined as"
    " 'entity | text'; the last is the main text, and only it is searched for duplicates. "
    " [default: inferred]",
)
_label_option = stack(
    option(
        "--label",
        COLUMN,
        "Column of the labels. Several, such as toxic,threat, are read as 0/1 indicators of"
        " one label each (multi-label data).  [default: inferred]",
    ),
    option(
        "--label-separator",
        TEXT,
        "Separator between labels in a cell, such as ';' (multi-label data); 'none' for one"
        " label per text.  [default: detected where unambiguous]",
    ),
)
_group_option = option(
    "--group",
    COLUMN,
    "Column of group IDs: a grouped split keeps each group in one subset; 'none' for no"
    " groups.  [default: inferred]",
)
_row_options = stack(
    option(
        "--drop-label",
        LABEL,
        "Leave out the rows with this label (multi-label data: only the label); may be repeated.",
        "drop_labels",
        multiple=True,
    ),
    option("--encoding", "NAME", "The file's encoding, such as cp1252.  [default: detected]"),
    option(
        "--limit",
        "N",
        "Sample at most N rows: whole groups, at random, stratified by label.",
        type=click.IntRange(min=1),
    ),
)
reading = stack(_text_option, _label_option, _group_option, _row_options)
ungrouped_reading = stack(_text_option, _label_option, _row_options)

seed = option("--seed", "N", "Random seed.", default=0, type=click.IntRange(min=0))


threads = option(
    "--threads",
    "N",
    "Number of CPU threads.  [default: WORDGATE_THREADS, else OMP_NUM_THREADS, else the"
    " available cores]",
    type=click.IntRange(1, MOST_THREADS),
)

workers = option(
    "--workers",
    "N",
    "Number of processes that train an LSTM on the CPU: each computes a part of every batch,"
    " with an equal share of --threads. With --engine ray, they run on the cluster, with --threads"
    " each, and also train an MLP or a transformer.  [default: 2 processes for two candidates,"
    " trained at the same time; else one for every 64 texts of a batch, at most one per thread; 1"
    " for fewer than 4,000 training texts]",
    type=click.IntRange(1, MOST_THREADS),
)


def engine(what: str) -> Callable[[Command], Command]:
    """Return ``--engine``, with the tasks that it distributes."""
    return option(
        "--engine",
        click.Choice(ENGINES),
        f"Where {what}: local, one after another; or ray, in parallel on the Ray cluster at"
        " RAY_ADDRESS or, if that is not set, on the cores of this machine. Each takes one thread,"
        " or N with --threads N. ray needs the 'ray' extra.",
        default=LOCAL,
    )


def split(default: str) -> Callable[[Command], Command]:
    """Return ``--split``, with a description of its default."""
    return option(
        "--split",
        click.Choice(["grouped", "random"]),
        f"Keep groups together, or split at random and report the leakage.  [default: {default}]",
    )


def family(description: str) -> Callable[[Command], Command]:
    """Return ``--family``, of which some commands take ``auto``."""
    return option("--family", "FAMILY", description, "--model", "model", default="lstm")


def folds(description: str) -> Callable[[Command], Command]:
    """Return ``--folds``, with its description."""
    return option("--folds", "K", description, type=click.IntRange(min=2))


def _settings(
    _ctx: click.Context, _param: click.Parameter, assignments: tuple[str, ...]
) -> dict[str, object]:
    """Return the settings of ``--set`` by their names."""
    if not assignments:
        return {}
    from wordgate.settings import parse_assignments

    return {**parse_assignments(assignments)}


fitting = stack(
    option(
        "--recipe",
        NAME,
        "A recipe, which is a named set of all settings (see 'wordgate recipe list'), or"
        " your own .toml file.  [default: taught with --teacher, else default]",
    ),
    option(
        "--set",
        "KEY=VALUE",
        "Change one setting of the recipe; may be repeated.",
        "settings",
        multiple=True,
        callback=_settings,
    ),
    option(
        "--class-weight",
        "WEIGHTS",
        "Weights of the labels in the loss: balanced, moderate, none, or your own, such as"
        " spam=5,ham=1. They shift probabilities towards labels with higher weights."
        "  [default: the recipe's]",
    ),
    option(
        "--vectors",
        FILE,
        "Pretrained word vectors: a word2vec, fastText or GloVe file; or googlenews, glove,"
        " glove-twitter or fasttext, which are downloaded. 'wordgate vectors distill' creates"
        " vectors for your own words.",
    ),
    option(
        "--test-size",
        "FRACTION",
        "Fraction of the rows in the test set.  [default: the recipe's, 0.2]",
        type=float,
    ),
    option("--valid", FILE, "A separate file for validation."),
    option("--test", FILE, "A separate file for testing."),
    option("--split-column", COLUMN, "Column that assigns each row to train, valid or test."),
    option("--weight", COLUMN, "Column of sample weights.  [default: all equal]"),
    seed,
    option("--device", "NAME", "Device: auto, cpu, cuda or cuda:N.", default="auto"),
    threads,
)

learning = stack(fitting, flag("--no-texts", "Leave the texts of the data out of report.html."))

teaching = stack(
    option(
        "--teacher",
        NAME,
        "Knowledge distillation: train an LSTM or MLP on a larger model's predictions for your"
        " texts and variations of them. The larger model: minilm, a folder, or OWNER/NAME on the"
        " Hugging Face Hub, which are fine-tuned first; or the folder of a saved model. May be"
        " repeated: the predictions of several are averaged.",
        multiple=True,
    ),
    option(
        "--unlabelled",
        FILE,
        "Texts without labels for the teacher to label; may be repeated.",
        multiple=True,
    ),
    option(
        "--teaching-minutes",
        "M",
        "Time limit for fine-tuning the teacher and labeling.  [default: none]",
        type=float,
    ),
)

search_limits = stack(
    option(
        "--minutes",
        "N",
        "Time limit of a search, for the whole command.  [default: 15, as in --preset good]",
        type=float,
    ),
    option("--preset", "NAME", "In place of --minutes: quick (3), good (15) or best (60)."),
    option(
        "--max-ms",
        "X",
        "Search for models that predict one text within X milliseconds on this machine.",
        type=float,
    ),
    option("--max-mb", "Y", "Search for models that take at most Y megabytes on disk.", type=float),
    option("--trials", "N", "End a search after at most N trials.", type=click.IntRange(min=1)),
)

training = stack(
    option("--out", FOLDER, "Where to write the model.", required=True),
    flag("--overwrite", "Replace an existing model; restart an interrupted training run."),
    flag("--resume", "Continue an interrupted training run."),
    family(
        "Family of models: count (word and character n-grams, logistic regression); logreg or"
        " mlp (averaged word vectors); lstm; or transformer (fine-tuned). auto searches over"
        " families and settings, on the training rows alone."
    ),
    option("--epochs", "N", "Maximum number of epochs.  [default: the recipe's]"),
    option("--learning-rate", "RATE", "Peak learning rate.  [default: the recipe's]"),
    option("--batch-size", "N", "Texts per update.  [default: the recipe's]"),
    option(
        "--objective",
        "NAME",
        "What the decision thresholds optimize, on validation rows: f1, precision@0.9,"
        " recall@0.9 or cost@1:5 (false positive : false negative), or a .toml file of costs by"
        " label; none for 0.5, or for the most probable label.  [default: f1 for multi-label data,"
        " else none] With --family auto also the score to maximize: accuracy, macro_f1, micro_f1.",
    ),
    split("the recipe's"),
    learning,
    teaching,
    option(
        "--max-minutes",
        "M",
        "Time limit for the whole command. Reading the data, the baseline's n-grams, the first"
        " epoch and the evaluation always run to completion; with --resume, 0 saves the best epoch"
        " so far."
        "  [default: none]",
        type=float,
    ),
)

abstain_below = option(
    "--abstain-below",
    "P",
    "Assign no label if the highest probability is below P. The model's"
    " report.html shows accuracy and coverage by P.",
    type=float,
    default=0.0,
)


def _thresholds(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> float | dict[str, float] | None:
    """Parse ``P``, or one ``LABEL=P`` for each label."""
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


threshold = option(
    "--threshold",
    "[LABEL=]P",
    "Use P as the decision threshold in place of the model's thresholds, for"
    " all labels or for LABEL; may be repeated. For multi-label models, and for binary"
    " classifiers, where P applies to the second label.",
    type=TEXT,
    multiple=True,
    callback=_thresholds,
)

top = option(
    "--top",
    "K",
    "Predict the K most probable labels, regardless of their probabilities.",
    type=click.IntRange(min=1),
)

kernel = option(
    "--kernel",
    "NAME",
    "Implementation of the LSTM: numpy; numba, twice as fast; or numba-int8, faster still,"
    " int8-quantized. numba needs the 'numba' extra and compiles for a few seconds. For a"
    " transformer: torch-bfloat16, three times as fast if the processor supports it, or onnx-int8,"
    " int8-quantized, which needs the 'onnx' extra.",
    default="numpy",
)

overwrite = flag("--overwrite", "Replace existing output.")

verbosity = stack(
    flag("-v", "Show details.", "--verbose"), flag("-q", "Show no progress.", "--quiet")
)


def chosen_settings(
    settings: Mapping[str, object], flags: Mapping[str, str | None], family: str = AUTO
) -> dict[str, object]:
    """Merge the settings of ``--set`` with those of flags.

    A flag is the name of a setting of the family, or of all families; None if it was not given.
    """
    from wordgate.settings import setting_fields

    chosen, fields = {**settings}, setting_fields()
    for name, value in flags.items():
        if value is None:
            continue
        flag = option_name(name)
        setting = name if name in fields else f"{family}.{name}"
        if setting not in fields:
            on = f"with --family {AUTO}" if family == AUTO else f"on {family} models"
            raise click.UsageError(f"{flag} has no effect {on}: leave it out")
        if setting in settings:
            raise click.UsageError(f"{flag} and --set {setting} are the same setting: give one")
        chosen[setting] = value
    return chosen


def given_again(*names: str) -> list[str]:
    """Return the given ones of some parameters as arguments for another command."""
    context, words = click.get_current_context(), list[str]()
    for param in context.command.params:
        name = param.name or ""
        if name in names and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            value = context.params[name]
            for one in value if param.multiple else (value,):
                words += [param.opts[0], str(one)]
    return words


def progress_of(*, verbose: bool, quiet: bool, console: type[Console] = Console) -> Progress:
    """Return the progress of a command: a console of this type, or a silent one."""
    if verbose and quiet:
        raise click.UsageError("--verbose and --quiet are mutually exclusive: leave one out")
    return Silent() if quiet else console(verbose=verbose)


input_encoding = option(
    "--encoding", "NAME", "The encoding of standard input, such as cp1252.  [default: detected]"
)

as_json = flag("--json", "Print one JSON object.", "as_json")
