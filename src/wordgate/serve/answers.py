"""Answers, and the refusals among them: every error has the same form."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import orjson

Headers = list[tuple[bytes, bytes]]

JSON = b"application/json"
CODES = {
    "bad_request": (400, "What arrived is not HTTP as this server reads it."),
    "invalid_json": (400, "The body is not JSON in UTF-8, or names a field twice."),
    "unauthorized": (401, "The key is missing or wrong."),
    "unknown_host": (403, "The Host header names a host that this server doesn't answer for."),
    "not_found": (404, "There is nothing at this path."),
    "method_not_allowed": (405, "The path has other methods; Allow names them."),
    "too_slow": (408, "The request took too long to arrive."),
    "body_too_large": (413, "The body has more bytes than a request may have."),
    "unsupported_media_type": (415, "The body is not application/json, or is compressed."),
    "invalid_request": (422, "The JSON is not a request of this kind."),
    "too_many_texts": (422, "There are more texts than a request may have."),
    "text_too_long": (422, "A text has more characters than it may have."),
    "head_too_large": (431, "The request's head has more bytes than it may have."),
    "internal_error": (500, "The server failed; its standard error tells more."),
    "overloaded": (503, "More waits than can be answered in time; Retry-After says when to ask."),
    "timed_out": (504, "The answer was not there in time."),
}
"""Every code of an error, its status and what it means."""

WITHOUT_BROWSER_TRICKS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
]


@dataclass(frozen=True)
class Answer:
    """What is sent back.

    Attributes:
        status: The status.
        body: Its bytes.
        headers: Headers beside the body's length and type.
        content_type: The body's type.
    """

    status: int
    body: bytes
    headers: Headers = field(default_factory=lambda: WITHOUT_BROWSER_TRICKS)
    content_type: bytes = JSON


class RefusedError(Exception):
    """An answer that says no.

    Args:
        code: One of `CODES`.
        message: What is wrong, and what to do.
        headers: Headers that belong to it.
    """

    def __init__(self, code: str, message: str, headers: Iterable[tuple[bytes, bytes]] = ()):
        super().__init__(message)
        self.code, self.message = code, message
        self.status = CODES[code][0]
        self.headers = list(headers)

    def answer(self) -> Answer:
        """Give it the form of every error."""
        body = orjson.dumps({"error": {"code": self.code, "message": self.message}})
        return Answer(self.status, body, [*WITHOUT_BROWSER_TRICKS, *self.headers])


class ClientGoneError(Exception):
    """Nobody waits for the answer any more."""


def overloaded(message: str, seconds: int = 1) -> RefusedError:
    """Refuse for now, and say when to ask again."""
    return RefusedError("overloaded", message, [(b"retry-after", str(seconds).encode())])


def raw(refusal: RefusedError) -> bytes:
    """Write a refusal as HTTP, for a connection that is closed with it."""
    answer = refusal.answer()
    headers = [
        (b"content-type", answer.content_type),
        (b"content-length", str(len(answer.body)).encode()),
        (b"connection", b"close"),
        *answer.headers,
    ]
    lines = [b"%s: %s" % header for header in headers]
    return b"\r\n".join([b"HTTP/1.1 %d Refused" % answer.status, *lines, b"", answer.body])
