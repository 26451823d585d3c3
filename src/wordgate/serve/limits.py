"""Limits of a server: their defaults, and the effect of exceeding them."""

import math
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any

from wordgate.arguments import option_name, real_number, whole_number
from wordgate.errors import SettingsError

MEBIBYTE = 2**20


def _limit(default: float, help_text: str, least: float = 1) -> Any:
    return field(default=default, metadata={"help": help_text, "least": least})


def _is_limit(number: float, least: float) -> bool:
    return least <= number < math.inf


@dataclass(frozen=True)
class Limits:
    """The limits of a server; each is an option of ``wordgate serve`` of the same name.

    The metadata of a field are its help text and its minimum. Integers are counts; other numbers
    are seconds.

    Raises:
        SettingsError: A value is too small, or two contradict each other.
    """

    max_body_bytes: int = _limit(
        8 * MEBIBYTE, "Maximum bytes of a request body; larger requests get HTTP 413."
    )
    max_texts: int = _limit(1000, "Maximum texts per request; beyond that, HTTP 422.")
    max_text_length: int = _limit(10_000, "Maximum characters per text; beyond that, HTTP 422.")
    max_explain_length: int = _limit(
        2000, "Maximum characters of a text to explain; beyond that, HTTP 422."
    )
    max_queue: int = _limit(
        4096, "Maximum waiting texts; beyond that, HTTP 503. Each word to explain counts as a text."
    )
    max_batch: int = _limit(1024, "Maximum texts per batch.")
    batch_wait: float = _limit(
        0.002, "Seconds that a text waits for others to form a batch.", least=0
    )
    timeout: float = _limit(
        10.0,
        "Seconds from the last byte of a request to its response; after that, HTTP 504.",
        least=0.001,
    )
    head_timeout: float = _limit(
        10.0, "Time in seconds to receive the request headers; after that, HTTP 408.", least=0.001
    )
    body_timeout: float = _limit(
        30.0,
        "Seconds to receive a body (after that, HTTP 408), or to send a response.",
        least=0.001,
    )
    keep_alive: float = _limit(75.0, "Seconds until an idle connection is closed.", least=0.001)
    max_connections: int = _limit(2048, "Maximum open connections; beyond that, HTTP 503.")
    max_buffered_bytes: int = _limit(
        64 * MEBIBYTE, "Maximum bytes of all bodies being received; beyond that, HTTP 503."
    )
    drain_delay: float = _limit(
        1.0,
        "Seconds after SIGTERM in which connections are still accepted while /v2/health/ready"
        " returns 503.",
        least=0,
    )

    def __post_init__(self) -> None:
        for limit in fields(self):
            value, least = getattr(self, limit.name), limit.metadata["least"]
            name, needed = option_name(limit.name), f"number of at least {least}"
            if isinstance(limit.default, int):
                whole_number(value, name, f"a whole {needed}", least)
            else:
                real_number(value, name, f"a {needed}", partial(_is_limit, least=least))
        self._refuse(
            "max_queue", "max_texts", "a request with this many texts could never be accepted"
        )
        self._refuse(
            "max_buffered_bytes", "max_body_bytes", "a body of that size could never be accepted"
        )

    def _refuse(self, smaller: str, larger: str, why: str) -> None:
        if getattr(self, smaller) < getattr(self, larger):
            raise SettingsError(
                f"{option_name(smaller)} {getattr(self, smaller)} is below {option_name(larger)}"
                f" {getattr(self, larger)}: {why}"
            )
