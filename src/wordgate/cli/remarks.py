"""What a command says beside its result."""

from contextlib import suppress

import click


def remark(text: str) -> None:
    """Write a line to standard error; that nobody reads it is no reason to end the work."""
    with suppress(OSError):
        click.echo(text, err=True)
