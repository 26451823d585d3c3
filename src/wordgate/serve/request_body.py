"""Request bodies: limited while they arrive, and parsed as strict JSON without unknown fields."""

import asyncio
import codecs
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NoReturn

from wordgate.bundle.config import Config
from wordgate.errors import SettingsError, did_you_mean
from wordgate.prediction.decision import DecisionRule
from wordgate.serve.limits import Limits
from wordgate.serve.responses import ClientGoneError, HTTPError, overloaded
from wordgate.tables.values import empty_fault, is_empty

_SHOWN = 60
_NAMES = {dict: "an object", list: "a list", str: "a string", bool: "a boolean",
          int: "a number", float: "a number", type(None): "null"}  # fmt: skip
_SHORT = 65536
"""Maximum remaining bytes of a refused body that are read and discarded."""
_SKIPPED = 4
"""Maximum bytes of a longer body that are read and discarded, in multiples of the body limit."""
LINGERING = 1.0
"""Seconds in which the remaining bytes of a refused client are read and discarded: a connection
that is closed at once is reset, and the client can lose the response."""


class BufferedBytes:
    """The number of bytes of all bodies that are being received, which is limited."""

    def __init__(self, most: int):
        self._most = most
        self._held = 0

    def hold(self, size: int) -> None:
        """Add received bytes; refuse them, without adding, if they are too many."""
        if self._held + size > self._most:
            raise overloaded("too many large bodies arrive at once; try again later")
        self._held += size

    def release(self, size: int) -> None:
        """Subtract bytes."""
        self._held -= size


class RequestBody:
    """The body of one request; `receive` is the function of ASGI that returns its next part."""

    def __init__(
        self,
        receive: Callable[[], Awaitable[Mapping[str, Any]]],
        headers: Mapping[bytes, bytes],
        limits: Limits,
        buffered: BufferedBytes,
    ):
        self._receive, self._headers = receive, headers
        self._most = limits.max_body_bytes
        self._buffered = buffered
        self._held = 0
        self._is_whole = False

    async def read(self) -> bytes:
        """Read the whole body.

        Raises:
            HTTPError: The body is too long, compressed, or not declared as JSON.
            ClientGoneError: The client has disconnected.
        """
        self._check_type()
        if _declared(self._headers) > self._most:
            raise self._too_large()
        first = await self._part()
        if self._is_whole:
            return first
        parts = [first]
        self._hold(first)
        while not self._is_whole:
            parts.append(await self._part())
            self._hold(parts[-1])
        return b"".join(parts)

    def _hold(self, part: bytes) -> None:
        self._buffered.hold(len(part))
        self._held += len(part)

    async def _part(self) -> bytes:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise ClientGoneError
        part: bytes = message.get("body", b"")
        self._is_whole = not message.get("more_body", False)
        if self._held + len(part) > self._most:
            raise self._too_large()
        return part

    def release(self) -> None:
        """Subtract the bytes of this body."""
        self._buffered.release(self._held)
        self._held = 0

    def may_be_left_unread(self) -> bool:
        """Return whether the rest of the body, if any, is short enough to be skipped."""
        return self._is_whole or may_be_skipped(self._headers)

    async def discard(self) -> None:
        """Read and discard the rest of the body for a limited time."""
        try:
            await asyncio.wait_for(self._read_on(), LINGERING)
        except asyncio.TimeoutError:
            return

    async def _read_on(self) -> None:
        skipped = 0
        while skipped < _SKIPPED * self._most:
            message = await self._receive()
            if message["type"] == "http.disconnect" or not message.get("more_body", False):
                return
            skipped += len(message.get("body", b""))

    def _check_type(self) -> None:
        if self._headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise HTTPError(
                "unsupported_media_type",
                "the body is compressed; send it as it is, without Content-Encoding",
                [(b"accept-encoding", b"identity")],
            )
        kind, *parameters = self._headers.get(b"content-type", b"").lower().split(b";")
        charsets = [p.strip() for p in parameters if p.strip().startswith(b"charset=")]
        if kind.strip() != b"application/json" or any(
            charset not in (b"charset=utf-8", b'charset="utf-8"') for charset in charsets
        ):
            raise HTTPError(
                "unsupported_media_type", "send JSON in UTF-8, with Content-Type: application/json"
            )

    def _too_large(self) -> HTTPError:
        return HTTPError(
            "body_too_large",
            f"the body has more than {self._most:,} bytes; send fewer texts per request",
        )


def may_be_skipped(headers: Mapping[bytes, bytes]) -> bool:
    """Return whether the body of a request with these headers is known to be short."""
    # A client that waits for "100 Continue" may leave its body out after another response.
    is_unclear = b"transfer-encoding" in headers or b"expect" in headers
    return not is_unclear and _declared(headers) <= _SHORT


def _declared(headers: Mapping[bytes, bytes]) -> int:
    """Return the declared length of a body; 0 without one."""
    length = headers.get(b"content-length", b"0")
    return int(length) if length.isdigit() else 0


def predict_request(body: bytes, limits: Limits, config: Config) -> tuple[list[str], DecisionRule]:
    """Read the body of ``/v1/predict``: texts, and the rule that assigns labels.

    Raises:
        HTTPError: The body is not JSON (400), or not such a request (422).
    """
    fields = _fields(body, "texts", ("texts", "abstain_below", "threshold"))
    texts = fields["texts"]
    if type(texts) is not list:
        raise _wrong(f"'texts' is {_NAMES[type(texts)]}; it must be a list of strings")
    if not texts:
        raise _wrong("'texts' is empty; give one text or more")
    if len(texts) > limits.max_texts:
        raise HTTPError(
            "too_many_texts",
            f"there are {len(texts):,} texts; a request can have at most {limits.max_texts:,}: send"
            " several requests",
        )
    for position, text in enumerate(texts, 1):
        if fault := _fault(text, limits.max_text_length):
            raise HTTPError(fault[0], f"text {position:,} of {len(texts):,} {fault[1]}")
    return texts, _rule(fields, config)


def explain_request(body: bytes, limits: Limits, config: Config) -> tuple[str, str | None]:
    """Read the body of ``/v1/explain``: the text, and the label to explain, if it is given.

    Raises:
        HTTPError: The body is not JSON (400), or not such a request (422).
    """
    fields = _fields(body, "text", ("text", "label"))
    text, label = fields["text"], fields.get("label")
    if fault := _fault(text, min(limits.max_text_length, limits.max_explain_length)):
        raise HTTPError(fault[0], f"'text' {fault[1]}")
    if "label" in fields and type(label) is not str:
        raise _wrong(f"'label' is {_NAMES[type(label)]}; it must be a string")
    try:
        DecisionRule.of(config).check_explained(label)
    except SettingsError as error:
        raise _wrong(str(error)) from error
    return str(text), label


def _fields(body: bytes, required: str, known: Sequence[str]) -> dict[str, Any]:
    """Read an object that must have the required field, and no unknown ones."""
    content = _json(body)
    if type(content) is not dict:
        raise _wrong(f"the body is {_NAMES[type(content)]}; it must be an object with '{required}'")
    for name in content:
        if name not in known:
            raise _wrong(f"unknown field {_shown(name)}{did_you_mean(name[:_SHOWN], known)}")
    if required not in content:
        raise _wrong(f"the field '{required}' is missing")
    return content


def _json(body: bytes) -> Any:
    if body.startswith(codecs.BOM_UTF8):
        raise _no_json("the body begins with a byte order mark; send UTF-8 without one")
    try:
        return _DECODER.decode(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise _no_json(f"byte {error.start:,} of the body is not UTF-8") from error
    except json.JSONDecodeError as error:
        raise _no_json(f"{error.msg.removesuffix(' at')} at character {error.pos:,}") from error
    except RecursionError as error:
        raise _no_json("lists and objects are nested too deep") from error
    except ValueError as error:  # an integer with thousands of digits
        raise _no_json("a number has too many digits") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Build an object of its fields; refuse a duplicate, which would hide the first one."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _no_json(f"the field {_shown(name)} occurs twice in an object")
        found[name] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise _no_json(f"{name} is not JSON")


_DECODER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)


def _fault(text: object, most: int) -> tuple[str, str] | None:
    """Return the error code and the fault of a text; None if it is valid."""
    if type(text) is not str:
        return "invalid_request", f"is {_NAMES[type(text)]}; it must be a string"
    if is_empty(text):
        return "invalid_request", empty_fault(text)
    if len(text) > most:
        return "text_too_long", f"has {len(text):,} characters; at most {most:,} are allowed"
    if text.isascii():
        return None
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        half = f"\\u{ord(text[error.start]):04x}"
        return "invalid_request", f"has an unpaired surrogate, {half}, at character {error.start:,}"
    return None


def _rule(fields: Mapping[str, Any], config: Config) -> DecisionRule:
    abstain_below = _abstain_below(fields.get("abstain_below", 0.0))
    threshold = fields.get("threshold")
    if "threshold" in fields and type(threshold) not in (float, int, dict):
        raise _wrong(
            f"'threshold' is {_NAMES[type(threshold)]}; it must be a number, or an object with a"
            " number for each label named"
        )
    try:
        return DecisionRule.of(config, threshold=threshold, abstain_below=abstain_below)
    except SettingsError as error:
        raise _wrong(str(error)) from error


def _abstain_below(value: object) -> float:
    if type(value) is not float and type(value) is not int:
        raise _wrong(f"'abstain_below' is {_NAMES[type(value)]}; it must be a number from 0 to 1")
    if not 0 <= value <= 1:
        raise _wrong("'abstain_below' must be a probability, from 0 to 1")
    return float(value)


def _shown(name: str) -> str:
    """Quote a name from a request: shortened, and in ASCII."""
    short = name if len(name) <= _SHOWN else name[:_SHOWN] + "..."
    return json.dumps(short)


def _no_json(message: str) -> HTTPError:
    return HTTPError("invalid_json", message)


def _wrong(message: str) -> HTTPError:
    return HTTPError("invalid_request", message)
