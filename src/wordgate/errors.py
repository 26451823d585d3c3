"""Errors that a user can correct, each with a message that says how."""

import difflib
import re
from collections.abc import Iterable
from pathlib import Path

ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):/{1,2}(?P<rest>.*)", re.DOTALL)
"""A URL, or the path of a URL, which has lost a slash."""


class WordgateError(Exception):
    """Base class of all errors that a user can correct."""


class DataError(WordgateError):
    """The data cannot be read, or cannot be used as requested."""


class SettingsError(WordgateError):
    """A setting, recipe or option is unknown, out of range or has no effect."""


class BundleError(WordgateError):
    """A saved model is missing, damaged, changed or from a newer version, or cannot be written."""


class MissingExtraError(WordgateError, ImportError):
    """A package of an extra is needed and not installed. It is also an `ImportError`."""

    def __init__(self, purpose: str, extra: str):
        super().__init__(f"{purpose} needs the extra '{extra}': pip install 'wordgate[{extra}]'")
        self._arguments = purpose, extra

    def __reduce__(self) -> tuple[type["MissingExtraError"], tuple[str, str]]:
        """Make it picklable, for worker processes."""
        return type(self), self._arguments


def address_message(name: object) -> str | None:
    """Return the message that a name, or a path of it, is a URL; None if it is not."""
    match = ADDRESS.fullmatch(str(name))
    if match is None:
        return None
    if match["scheme"].lower() == "file":
        return f"'{name}' is a URL: give the path of the file alone"
    return (
        f"{_quoted(match)} is a URL, and wordgate reads only local files: download it first, and"
        " give the path of the file or folder"
    )


def no_folder_message(path: Path, what: str = "") -> str:
    """Return the message that the folder of an output path, such as of a ``model``, is missing."""
    match = ADDRESS.fullmatch(str(path))
    if match is not None:
        return f"{_quoted(match)} is a URL, and wordgate writes only local files: give a path"
    named = f"the {what} '{path.name}'" if what else f"'{path.name}'"
    return f"there is no folder '{path.parent}' to write {named} into"


def _quoted(address: re.Match[str]) -> str:
    return f"'{address['scheme']}://{address['rest']:.200}'"


def did_you_mean(name: str, options: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: the most similar option, or all options.

    For example ``"; did you mean 'text'?"``, or ``"; available: id, text"``.
    """
    options = [str(option) for option in options]
    available = f"; available: {', '.join(options)}" if options else ""
    return near_miss(name, options) or available


def near_miss(name: str, options: Iterable[str]) -> str:
    """Return the end of a message with the most similar option; empty if none is similar."""
    lowered = {str(option).lower(): option for option in reversed([*options])}
    matches = difflib.get_close_matches(str(name).lower(), lowered, n=1)
    return f"; did you mean '{lowered[matches[0]]}'?" if matches else ""
