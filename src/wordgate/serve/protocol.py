"""Connections that can't be held open, filled up or flooded: limits that HTTP parsing needs.

uvicorn reads HTTP; what it leaves open is closed here: heads and bodies that never end or arrive a
byte at a time, answers nobody fetches, too many connections, errors in another form than ours.
"""

import asyncio
from dataclasses import dataclass
from enum import Enum
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from wordgate.serve.limits import Limits
from wordgate.serve.metrics import NO_ROUTE, ServerMetrics
from wordgate.serve.request_body import LINGERING
from wordgate.serve.responses import HTTPError, overloaded, to_http_bytes

_MOST_HEAD_BYTES = 65536
_CLOSING = 0.5
"""Seconds in which an idle connection may still bring a request, when the server ends."""


class Stage(Enum):
    """How far the request has come that a connection is reading."""

    NOTHING = 0
    HEAD = 1
    BODY = 2


@dataclass
class ServerState:
    """What all connections of a server share.

    Attributes:
        limits: Times and sizes.
        metrics: What counts refusals.
        is_closing: Whether connections end with the answer they owe.
    """

    limits: Limits
    metrics: ServerMetrics
    is_closing: bool = False


class Connection(HttpToolsProtocol):
    """One client's connection.

    Args:
        door: What connections share.
        uvicorn: What uvicorn gives a protocol.
    """

    def __init__(self, shared: ServerState, **uvicorn: Any):
        super().__init__(**uvicorn)
        self._shared = shared
        self._stage = Stage.NOTHING
        self._is_refused = False
        self._requests = 0
        self._unaccounted = 0  # bytes since anything of a request was complete
        self._awaited: tuple[int, Stage] | None = None  # what the timer below waits for
        self._timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None

    # What asyncio calls

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection, or refuse it where there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self._shared.limits.max_connections:
            self._refuse(overloaded("there are too many connections; ask again later"))
            transport.close()
        else:
            self._await(Stage.HEAD)

    def data_received(self, data: bytes) -> None:
        """Parse what came, and see that it leads somewhere in time."""
        if self._is_refused or self.transport.is_closing():
            return
        self._unaccounted += len(data)
        super().data_received(data)
        if self._unaccounted > _MOST_HEAD_BYTES and not self._is_refused:
            text = f"the request's head has more than {_MOST_HEAD_BYTES:,} bytes"
            self._refuse(HTTPError("head_too_large", text))
        if self._is_refused:
            return
        # Bytes that begin nothing, such as empty lines, may not hold the connection open either.
        is_something = self._stage is not Stage.NOTHING or self._unaccounted == 0
        self._await(self._stage if is_something else Stage.HEAD)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        self._cancel(self._timer)
        self._cancel(self._write_timer)
        super().connection_lost(exc)

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Answer a client that has said all it had to say, and still listens."""
        if self._stage is not Stage.NOTHING or not self._owes_answer():
            return None
        self.cycle.keep_alive = False
        return True

    def pause_writing(self) -> None:
        """Give the client its time to fetch the answer."""
        super().pause_writing()
        self._cancel(self._write_timer)
        self._write_timer = self.loop.call_later(
            self._shared.limits.body_timeout, self.transport.abort
        )

    def resume_writing(self) -> None:
        """Go on: the client has read."""
        self._cancel(self._write_timer)
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, even if its client never fetched the last answer."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    # What the parser calls

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._stage = Stage.HEAD

    def on_headers_complete(self) -> None:
        """Hand the request on."""
        self._stage, self._unaccounted = Stage.BODY, 0
        super().on_headers_complete()
        if self._shared.is_closing:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Hand a part of the body on."""
        self._unaccounted = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        self._stage, self._unaccounted = Stage.NOTHING, 0
        self._requests += 1
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """Refuse what is no HTTP, in our own form."""
        self._refuse(HTTPError("bad_request", "what arrived is not HTTP as this server reads it"))

    # When the server ends

    def shutdown(self) -> None:
        """Close the connection when its answers are sent; soon, if it owes none."""
        if self._owes_answer():
            self.cycle.keep_alive = False
        elif self._stage is Stage.NOTHING:
            self.loop.call_later(_CLOSING, self._close_if_idle)

    def _close_if_idle(self) -> None:
        if self._stage is Stage.NOTHING and not self._owes_answer():
            self.transport.close()

    def _owes_answer(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    # Time

    def _await(self, stage: Stage) -> None:
        """Have the timer wait for the end of a stage of the present request, if there is one."""
        awaited = None if stage is Stage.NOTHING else (self._requests, stage)
        if awaited == self._awaited:
            return
        self._awaited = awaited
        self._cancel(self._timer)
        if awaited is not None:
            self._start_timer(stage)

    def _start_timer(self, stage: Stage) -> None:
        limits = self._shared.limits
        seconds = limits.body_timeout if stage is Stage.BODY else limits.head_timeout
        self._timer = self.loop.call_later(seconds, self._time_is_up, stage)

    def _time_is_up(self, stage: Stage) -> None:
        """Refuse a request that did not arrive; not before requests ahead of it are answered."""
        if self.transport.is_closing():
            return
        owes = self._owes_answer()
        if self.pipeline or (owes and stage is Stage.HEAD):
            self._start_timer(stage)
        elif stage is Stage.BODY and (not owes or self.cycle.response_started):
            self.transport.abort()  # it was answered before it had arrived
        else:
            self._refuse(HTTPError("too_slow", "the request took too long to arrive"))

    @staticmethod
    def _cancel(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()

    def _refuse(self, refusal: HTTPError) -> None:
        """Answer for the last time, and close when the client has stopped sending."""
        self._is_refused = True
        self._shared.metrics.count_request(NO_ROUTE, refusal.status)
        for cycle in [self.cycle, *(cycle for cycle, _ in self.pipeline)]:
            if cycle is not None:
                cycle.disconnected = True
                cycle.message_event.set()
        self._await(Stage.NOTHING)
        self._timer = self.loop.call_later(LINGERING, self.transport.abort)
        self.transport.write(to_http_bytes(refusal))
        if self.transport.can_write_eof():
            self.transport.write_eof()
