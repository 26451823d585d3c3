"""Validation of numbers as arguments."""

import math
import operator
from collections.abc import Callable
from numbers import Real
from typing import Any

from wordgate.errors import SettingsError, WordgateError


def option_name(name: str) -> str:
    """Return the command-line option of an argument: ``--max-texts`` for ``max_texts``."""
    return f"--{name.replace('_', '-')}"


def whole_number(
    value: Any,
    name: str,
    needed: str,
    least: int = 1,
    most: float = math.inf,
    error: type[WordgateError] = SettingsError,
) -> int:
    """Validate a whole number, and return it as an int; numpy integers are valid, bool and 2.0 not.

    Args:
        value: The argument.
        name: Its name in the message.
        needed: The valid values in the message: "a whole number of at least 1".
        least: Minimum.
        most: Maximum.
        error: The class of the error.

    Raises:
        SettingsError: It is not a whole number, or out of range.
    """
    try:
        number = None if isinstance(value, bool) else operator.index(value)
    except TypeError:
        number = None
    if number is None or not least <= number <= most:
        raise error(f"{name} is {value!r:.80}; it must be {needed}")
    return number


def real_number(value: Any, name: str, needed: str, allowed: Callable[[float], bool]) -> float:
    """Validate a number by `allowed`; arguments and errors are as for `whole_number`."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not allowed(float(value)):
        raise SettingsError(f"{name} is {value!r:.80}; it must be {needed}")
    return float(value)


def positive_number(value: Any, name: str) -> float:
    """Validate a finite number above 0; arguments and errors are as for `whole_number`."""
    return real_number(value, name, "a number above 0", lambda number: 0.0 < number < math.inf)
