"""Numbers that a user gives as arguments: checked, with a message that names value and range."""

import math
import operator
from collections.abc import Callable
from numbers import Real
from typing import Any

from wordgate.errors import SettingsError, WordgateError


def option_name(name: str) -> str:
    """Return the option of the command line for an argument: ``--max-texts`` for ``max_texts``."""
    return f"--{name.replace('_', '-')}"


def whole_number(
    value: Any,
    name: str,
    needed: str,
    least: int = 1,
    most: float = math.inf,
    error: type[WordgateError] = SettingsError,
) -> int:
    """Return a whole number as a plain integer; numpy's are accepted, booleans and 2.0 are not.

    Args:
        value: What the user gave.
        name: Its name in the message.
        needed: What the message says that it must be: "a whole number of at least 1".
        least: The smallest that is allowed.
        most: The largest that is allowed.
        error: What is raised.

    Raises:
        SettingsError: It is no whole number, or out of range.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or not least <= number <= most:
        raise error(f"{name} is {value!r:.80}; it must be {needed}")
    return number


def real_number(value: Any, name: str, needed: str, allowed: Callable[[float], bool]) -> float:
    """Return a number for which `allowed` is true; arguments and errors as for `whole_number`."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not allowed(float(value)):
        raise SettingsError(f"{name} is {value!r:.80}; it must be {needed}")
    return float(value)


def positive_number(value: Any, name: str) -> float:
    """Return a finite number above 0; the error is that of `whole_number`."""
    return real_number(value, name, "a number above 0", lambda number: 0.0 < number < math.inf)
