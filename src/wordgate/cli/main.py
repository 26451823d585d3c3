"""The entry point: the commands, and what becomes of errors."""

import os
import sys
from contextlib import suppress

import click

from wordgate.cli.audit import audit
from wordgate.cli.compare import compare
from wordgate.cli.demo import demo
from wordgate.cli.evaluate import evaluate
from wordgate.cli.explain import explain
from wordgate.cli.export import export
from wordgate.cli.import_keras import import_keras
from wordgate.cli.info import info
from wordgate.cli.predict import predict
from wordgate.cli.remarks import remark
from wordgate.cli.score import score
from wordgate.cli.serve import serve
from wordgate.cli.train import train
from wordgate.cli.vectors import vectors
from wordgate.errors import WordgateError

FAILED, USAGE, INTERRUPTED = 1, 2, 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="wordgate")
def wordgate() -> None:
    """Train a text classifier that reads word order, and learn what it is really worth.

    Begin with 'wordgate demo', or with 'wordgate train tweets.csv --out model'.
    """


for _command in (
    *(demo, audit, train, compare, evaluate, predict, explain, score, serve, info),
    *(export, import_keras, vectors),
):
    wordgate.add_command(_command)


def run(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    sys.exit(exit_code(arguments))


def exit_code(arguments: list[str] | None = None) -> int:
    """Run the command line; say errors on standard error, in one message each."""
    try:
        result = wordgate.main(arguments, prog_name="wordgate", standalone_mode=False)
    except click.UsageError as error:
        with suppress(OSError):
            error.show()
        return USAGE
    except WordgateError as error:
        remark(f"wordgate: {error}")
        return FAILED
    except (KeyboardInterrupt, click.Abort) as interruption:
        why = (interruption.__cause__ or interruption).args  # click raises an Abort of its own
        remark(": ".join(["wordgate: interrupted", *map(str, why)]))
        return INTERRUPTED
    except SystemExit:  # click's way to end when the reader of our output has had enough
        return 0
    except OSError as error:
        _abandon_output()
        where = f": {error.filename}" if error.filename else ""
        remark(f"wordgate: {error.strerror or error}{where}")
        return FAILED
    except MemoryError:
        remark("wordgate: there is not enough memory for this")
        return FAILED
    return result if isinstance(result, int) else 0


def _abandon_output() -> None:
    """Keep Python from failing again over what it could not write, as it ends."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
