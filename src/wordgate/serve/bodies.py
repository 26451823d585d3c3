"""The body of a request: counted as it arrives, never longer than it may be."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from wordgate.serve.answers import ClientGoneError, RefusedError, overloaded
from wordgate.serve.limits import Limits

_SHORT = 65536
"""Bytes of a body that may be left for the server to skip."""
_SKIPPED = 4
"""Of a longer one, how many times the longest body allowed is read and thrown away."""
LINGERING = 1.0
"""Seconds in which what a refused client still sends is read and thrown away: closed at once, the
connection would be reset under its writing, and the answer lost with it."""


class Buffered:
    """Bytes of all bodies that are arriving now.

    Args:
        most: How many there may be.
    """

    def __init__(self, most: int):
        self._most = most
        self._held = 0

    def hold(self, size: int) -> None:
        """Count bytes that came.

        Raises:
            RefusedError: There are too many; these are not counted.
        """
        if self._held + size > self._most:
            raise overloaded("too many large bodies arrive at once; ask again later")
        self._held += size

    def release(self, size: int) -> None:
        """Count bytes no more."""
        self._held -= size


class Body:
    """The body of one request.

    Args:
        receive: ASGI's way to get the next part.
        headers: The request's headers, names in lower case.
        limits: How long it may be.
        buffered: What counts it together with those of other requests.
    """

    def __init__(
        self,
        receive: Callable[[], Awaitable[Mapping[str, Any]]],
        headers: Mapping[bytes, bytes],
        limits: Limits,
        buffered: Buffered,
    ):
        self._receive, self._headers = receive, headers
        self._most = limits.max_body_bytes
        self._buffered = buffered
        self._held = 0
        self._is_whole = False

    async def read(self) -> bytes:
        """Read it all.

        Raises:
            RefusedError: It is too long, compressed, or not said to be JSON.
            ClientGoneError: The client has gone.
        """
        self._check_type()
        if self._declared() > self._most:
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
        """Count its bytes no more."""
        self._buffered.release(self._held)
        self._held = 0

    def may_be_left_unread(self) -> bool:
        """Tell whether all of it has been read, or so little is left that it can be skipped."""
        if self._is_whole:
            return True
        # A client that waits for "100 Continue" may leave its body out after another answer.
        is_unclear = b"transfer-encoding" in self._headers or b"expect" in self._headers
        return not is_unclear and self._declared() <= _SHORT

    async def discard(self) -> None:
        """Read on for a while, and throw it away."""
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
            raise RefusedError(
                "unsupported_media_type",
                "the body is compressed; send it as it is, without Content-Encoding",
                [(b"accept-encoding", b"identity")],
            )
        kind, *parameters = self._headers.get(b"content-type", b"").lower().split(b";")
        charsets = [p.strip() for p in parameters if p.strip().startswith(b"charset=")]
        if kind.strip() != b"application/json" or any(
            charset not in (b"charset=utf-8", b'charset="utf-8"') for charset in charsets
        ):
            raise RefusedError(
                "unsupported_media_type", "send JSON in UTF-8, with Content-Type: application/json"
            )

    def _declared(self) -> int:
        length = self._headers.get(b"content-length", b"0")
        return int(length) if length.isdigit() else 0

    def _too_large(self) -> RefusedError:
        return RefusedError(
            "body_too_large", f"the body has more than {self._most:,} bytes; send less at once"
        )
