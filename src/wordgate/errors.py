"""Errors that a user can correct, each with a message that says how."""

import difflib
import re
from collections.abc import Iterable
from pathlib import Path

ADDRESS = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+):/{1,2}(?P<rest>.*)", re.DOTALL)
"""An address on the web, or a path made of it, which has lost a slash."""


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
        self._made_of = purpose, extra

    def __reduce__(self) -> tuple[type["MissingExtraError"], tuple[str, str]]:
        """Let a worker process send it back."""
        return type(self), self._made_of


def address_message(name: object) -> str | None:
    """Return the message that a name is an address on the web, or None where it is none.

    Args:
        name: What the user wrote, or a path made of it, which has lost a slash.
    """
    found = ADDRESS.fullmatch(str(name))
    if found is None:
        return None
    if found["scheme"].lower() == "file":
        return f"'{name}' is a URL: give the path of the file alone"
    return (
        f"{_called(found)} is a URL, and wordgate reads only local files: download it first, and"
        " give the path of the file or folder"
    )


def no_folder_message(path: Path, what: str = "") -> str:
    """Return the message that there is no folder to write a path into: a ``model``, say."""
    found = ADDRESS.fullmatch(str(path))
    if found is not None:
        return f"{_called(found)} is a URL, and wordgate writes only local files: give a path"
    named = f"the {what} '{path.name}'" if what else f"'{path.name}'"
    return f"there is no folder '{path.parent}' to write {named} into"


def _called(address: re.Match[str]) -> str:
    return f"'{address['scheme']}://{address['rest']:.200}'"


def did_you_mean(name: str, options: Iterable[str]) -> str:
    """End a message about an unknown name with the nearest known one, or with all of them.

    That is ``"; did you mean 'text'?"``, or ``"; available: id, text"`` where nothing is near.
    """
    options = [str(option) for option in options]
    available = f"; available: {', '.join(options)}" if options else ""
    return near_miss(name, options) or available


def near_miss(name: str, options: Iterable[str]) -> str:
    """End a message with the nearest option, or with nothing where none is near."""
    lowered = {str(option).lower(): option for option in reversed([*options])}
    near = difflib.get_close_matches(str(name).lower(), lowered, n=1)
    return f"; did you mean '{lowered[near[0]]}'?" if near else ""
