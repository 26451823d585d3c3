"""All commands, by their names."""

from collections.abc import Iterable
from typing import Any

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
from wordgate.cli.recipe import recipe
from wordgate.cli.score import score
from wordgate.cli.serve import serve
from wordgate.cli.train import train
from wordgate.cli.tune import tune
from wordgate.cli.vectors import vectors
from wordgate.errors import WordgateError


class _Commands(click.Group):
    """The commands; click would ignore a broken pipe other than standard output."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError as error:
            raise WordgateError(str(error.strerror or error)) from error


class _HelpFormatter(click.HelpFormatter):
    """Formats help texts without line breaks at hyphens, as in the names of options."""

    def write_text(self, text: str) -> None:
        """Write a paragraph."""
        super().write_text(_unbroken(text))

    def write_dl(self, rows: Iterable[tuple[str, str]], *args: Any, **options: Any) -> None:
        """Write names with their descriptions."""
        super().write_dl([(name, _unbroken(text)) for name, text in rows], *args, **options)

    def getvalue(self) -> str:
        """Return the formatted text."""
        return super().getvalue().replace(_HYPHEN, "-")


_HYPHEN = "\u2011"  # non-breaking hyphen


def _unbroken(text: str) -> str:
    return text.replace("-", _HYPHEN)


click.Context.formatter_class = _HelpFormatter


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="wordgate")
def wordgate() -> None:
    """Train text classifiers, and find out how good they really are.

    Start with 'wordgate demo', or with 'wordgate train tweets.csv --out model'. MODEL in the usage
    of a command is the folder of a saved model.
    """


for _command in (
    *(demo, audit, train, tune, compare, evaluate, predict, explain, score, serve, info),
    *(export, import_keras, vectors, recipe),
):
    wordgate.add_command(_command)
