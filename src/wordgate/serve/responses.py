"""Responses: errors, which all have the same form, and the files of the page."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path

import orjson

Headers = list[tuple[bytes, bytes]]

JSON = b"application/json"
CODES = {
    "bad_request": (400, "The request is not valid HTTP."),
    "invalid_json": (400, "The body is not JSON in UTF-8, or has a duplicate field."),
    "unauthorized": (401, "The API key is missing or wrong."),
    "unknown_host": (403, "The Host header has a host that is not allowed."),
    "not_found": (404, "The path does not exist."),
    "method_not_allowed": (405, "The path does not support this method; see the Allow header."),
    "too_slow": (408, "The request took too long to arrive."),
    "body_too_large": (413, "The body is too large."),
    "unsupported_media_type": (415, "The body is not application/json, or is compressed."),
    "invalid_request": (
        422,
        "The JSON is not a valid request, or a text is empty or only whitespace.",
    ),
    "too_many_texts": (422, "The request has too many texts."),
    "text_too_long": (422, "A text is too long."),
    "head_too_large": (431, "The head of the request is too large."),
    "internal_error": (500, "The server failed; see its standard error."),
    "overloaded": (503, "The server is overloaded; see the Retry-After header."),
    "timed_out": (504, "The response took too long."),
}
"""The status and the meaning of each error code."""

DEFAULT_HEADERS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
]


PAGE_FOLDER = Path(__file__).parent / "page"
_TYPES = {
    ".css": b"text/css; charset=utf-8",
    ".html": b"text/html; charset=utf-8",
    ".js": b"text/javascript; charset=utf-8",
    ".svg": b"image/svg+xml",
}
# No content from other hosts, no inline scripts or styles, no framing.
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    b" font-src 'self'; connect-src 'self'; manifest-src 'self'; base-uri 'none';"
    b" form-action 'none'; frame-ancestors 'none'"
)
_PAGE_HEADERS: Headers = [
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-cache"),
]


@dataclass(frozen=True)
class Response:
    """A response; `headers` are those other than the length and the type of the body."""

    status: int
    body: bytes
    headers: Headers = field(default_factory=lambda: DEFAULT_HEADERS)
    content_type: bytes = JSON

    def all_headers(self) -> Headers:
        """Return all headers; without length and type for status 204, which has no body."""
        length = str(len(self.body)).encode()
        own = [(b"content-type", self.content_type), (b"content-length", length)]
        return [*(own if self.status != 204 else []), *self.headers]


class HTTPError(Exception):
    """An error response with one of `CODES`; the message states what is wrong and what to do."""

    def __init__(self, code: str, message: str, headers: Iterable[tuple[bytes, bytes]] = ()):
        super().__init__(message)
        self.code, self.message = code, message
        self.status = CODES[code][0]
        self.headers = list(headers)

    def response(self) -> Response:
        """Return the error as a response, in the form of all errors."""
        body = orjson.dumps({"error": {"code": self.code, "message": self.message}})
        return Response(self.status, body, [*DEFAULT_HEADERS, *self.headers])


class ClientGoneError(Exception):
    """The client has disconnected."""


def overloaded(message: str, seconds: int = 1) -> HTTPError:
    """Return the error of an overloaded server, with the seconds to wait (Retry-After)."""
    return HTTPError("overloaded", message, [(b"retry-after", str(seconds).encode())])


def to_http_bytes(response: Response, more_headers: Headers) -> bytes:
    """Return a response as the bytes of HTTP, with additional headers."""
    status = b"HTTP/1.1 %d %s" % (response.status, HTTPStatus(response.status).phrase.encode())
    lines = [b"%s: %s" % header for header in [*more_headers, *response.all_headers()]]
    return b"\r\n".join([status, *lines, b"", response.body])


def pages() -> dict[str, Response]:
    """Read the files of the page: responses by their paths, ``/`` and ``/page/...``."""
    responses = {}
    for file in sorted(PAGE_FOLDER.rglob("*")):
        if file.suffix in _TYPES and file.is_file():
            name = file.relative_to(PAGE_FOLDER).as_posix()
            path = "/" if name == "index.html" else f"/page/{name}"
            responses[path] = Response(200, file.read_bytes(), _PAGE_HEADERS, _TYPES[file.suffix])
    return responses
