"""The server process: sockets, connections with limits, signals, graceful shutdown.

uvicorn parses HTTP. This module adds what it lacks: time limits for heads, bodies and responses, a
maximum number of connections, and errors in the form of the API.
"""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from enum import Enum
from functools import partial
from types import FrameType
from typing import Any

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from wordgate.errors import SettingsError
from wordgate.prediction.predictor import Predictor
from wordgate.runtime.threads import SINGLE_THREADED_BLAS
from wordgate.serve.access import Access
from wordgate.serve.app import Application
from wordgate.serve.limits import Limits
from wordgate.serve.prometheus import NO_ROUTE
from wordgate.serve.request_body import LINGERING
from wordgate.serve.responses import HTTPError, overloaded, to_http_bytes

_MOST_HEAD_BYTES = 65536
_CLOSING = 0.5
"""Seconds in which an idle connection can still send a request while the server shuts down."""
_BACKLOG = 2048
_SWITCHING = 0.0005
"""Thread switch interval in seconds, so that predictions do not block the event loop."""
_OTHER_FILES = 64
_ACCEPTING = 0.05
_LOOKING = 0.02
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def serve(
    model: Predictor,
    *,
    host: str,
    port: int,
    limits: Limits,
    access: Access,
    announce: Callable[[str], None],
) -> None:
    """Serve a model until a signal ends it.

    On SIGTERM, and on SIGINT without the delay, the server stops being ready and accepting
    connections, completes the accepted requests, and returns. A second signal ends the process at
    once. `announce` is called with the URL when connections are accepted; port 0 is any free port.

    Raises:
        SettingsError: The address cannot be used, or the system allows too few connections.
    """
    _allow_files(limits.max_connections + _OTHER_FILES)
    listening = _bound(host, port)
    sys.setswitchinterval(_SWITCHING)
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # any client could fill the log
    app = Application(model, limits, access)
    with SINGLE_THREADED_BLAS:  # entered once instead of for every batch
        _Server(app, lambda: announce(_url(listening))).run([listening])


class _Server(uvicorn.Server):
    """uvicorn's server, with a graceful shutdown of its own."""

    def __init__(self, app: Application, announce: Callable[[], None]):
        limits = app.limits
        self._app, self._announce = app, announce
        self._delay = limits.drain_delay
        protocol = partial(Connection, app)
        super().__init__(
            uvicorn.Config(
                app,
                http=protocol,  # type: ignore[arg-type]  # called like the class
                loop="auto",
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                backlog=_BACKLOG,
                timeout_keep_alive=limits.keep_alive,  # type: ignore[arg-type]
            )
        )
        app.metrics.connections.set_function(lambda: len(self.server_state.connections))

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Warm up the model, accept connections, and announce the URL."""
        self._app.batcher.start()
        await super().startup(sockets)
        self._announce()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals; unlike uvicorn, do not raise them again after a graceful shutdown."""
        before = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Start the shutdown; on the second signal, end the process."""
        if self.should_exit:
            signal.signal(sig, signal.SIG_DFL)
            os.kill(os.getpid(), sig)
        self._app.is_draining = self.should_exit = True
        if sig == signal.SIGINT:  # from a terminal, where a user waits
            self._delay = 0.0

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Complete the accepted requests, and close all connections."""
        await asyncio.sleep(self._delay)
        await self._stop_accepting(sockets or [])
        self._app.is_closing = True
        for connection in list(self.server_state.connections):
            connection.shutdown()
        limits = self._app.limits
        longest = limits.head_timeout + limits.body_timeout + limits.timeout
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._all_closed(), longest)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        self._app.batcher.close()

    async def _stop_accepting(self, sockets: list[socket.socket]) -> None:
        """Accept the connections that the system has already queued, and no others."""
        for one in sockets:
            one.listen(0)  # refuses new connections, and keeps those in the queue
        await asyncio.sleep(_ACCEPTING)
        for server in self.servers:
            server.close()

    async def _all_closed(self) -> None:
        while self.server_state.connections or self.server_state.tasks:
            await asyncio.sleep(_LOOKING)


def _bound(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        try:
            if os.name == "posix":  # on Windows, it would let two servers share a port
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise SettingsError(
            f"cannot listen on {host}, port {port} ({error.strerror or error});"
            " choose another --host or --port"
        ) from error
    return listening


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _allow_files(needed: int) -> None:
    """Raise the limit of open files, such as connections, if it is lower."""
    try:
        import resource
    except ImportError:  # Windows has no such limit
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise SettingsError(
            f"--max-connections {needed - _OTHER_FILES} needs {needed} open files and the system"
            f" allows {hard}; lower it, or raise the limit (ulimit -Hn)"
        )
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


class Stage(Enum):
    """The stage of the request that a connection is reading."""

    NOTHING = 0
    HEAD = 1
    BODY = 2


class Connection(HttpToolsProtocol):
    """One client's connection."""

    def __init__(self, application: Application, **uvicorn: Any):
        super().__init__(**uvicorn)
        self._application = application
        self._stage = Stage.NOTHING
        self._is_refused = False
        self._is_answered = False  # whether the current request was refused when its head arrived
        self._requests = 0
        self._unaccounted = 0  # bytes received since the last complete part of a request
        self._awaited: tuple[int, Stage] | None = (
            None  # number of the request, and the stage with the time limit
        )
        self._timer: asyncio.TimerHandle | None = None
        self._write_timer: asyncio.TimerHandle | None = None

    # Callbacks of asyncio

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept the connection, or refuse it if there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self._application.limits.max_connections:
            self._refuse(overloaded("there are too many connections; try again later"))
            transport.close()
        else:
            self._await(Stage.HEAD)

    def data_received(self, data: bytes) -> None:
        """Parse received bytes, and set the time limit of the current stage."""
        if self._is_refused or self.transport.is_closing():
            return
        self._unaccounted += len(data)
        super().data_received(data)
        if self._unaccounted > _MOST_HEAD_BYTES and not self._is_refused:
            text = f"the request's head has more than {_MOST_HEAD_BYTES:,} bytes"
            self._refuse(HTTPError("head_too_large", text))
        if self._is_refused:
            return
        # Bytes that start no request, such as empty lines, do not keep the connection open either.
        is_counted = self._stage is not Stage.NOTHING or self._unaccounted == 0
        self._await(self._stage if is_counted else Stage.HEAD)

    def connection_lost(self, exc: Exception | None) -> None:
        """Cancel the timers."""
        self._cancel(self._timer)
        self._cancel(self._write_timer)
        super().connection_lost(exc)

    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Complete the response if the client has only closed its sending side."""
        if self._stage is not Stage.NOTHING or not self._owes_answer():
            return None
        self.cycle.keep_alive = False
        return True

    def pause_writing(self) -> None:
        """Limit the time in which the client must receive the response."""
        super().pause_writing()
        self._cancel(self._write_timer)
        self._write_timer = self.loop.call_later(
            self._application.limits.body_timeout, self.transport.abort
        )

    def resume_writing(self) -> None:
        """Cancel the limit: the client has received some of the response."""
        self._cancel(self._write_timer)
        super().resume_writing()

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, even if its client has not received the last response."""
        if self.transport.get_write_buffer_size():
            self.transport.abort()
        else:
            super().timeout_keep_alive_handler()

    # Callbacks of the parser

    def on_message_begin(self) -> None:
        """Start a request."""
        super().on_message_begin()
        self._stage, self._is_answered = Stage.HEAD, False

    def on_headers_complete(self) -> None:
        """Pass the request on, or refuse it if the queue is full."""
        self._stage, self._unaccounted = Stage.BODY, 0
        self._is_answered = self._refuse_at_once()
        if self._is_answered:
            return
        super().on_headers_complete()
        if self._application.is_closing:
            self.cycle.keep_alive = False

    def on_body(self, body: bytes) -> None:
        """Pass a part of the body on."""
        self._unaccounted = 0
        if not self._is_answered:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """End a request."""
        self._stage, self._unaccounted = Stage.NOTHING, 0
        self._requests += 1
        if not self._is_answered:
            super().on_message_complete()
        if not (self._owes_answer() or self.transport.is_closing()):
            self._close_when_idle()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002
        """Refuse a request that is not HTTP, with an error in the form of the API."""
        self._refuse(HTTPError("bad_request", "the request is not valid HTTP"))

    # Shutdown

    def shutdown(self) -> None:
        """Close the connection after its pending responses; soon, if there are none."""
        if self._owes_answer():
            self.cycle.keep_alive = False
        elif self._stage is Stage.NOTHING:
            self.loop.call_later(_CLOSING, self._close_if_idle)

    def _close_if_idle(self) -> None:
        if self._stage is Stage.NOTHING and not self._owes_answer():
            self.transport.close()

    def _close_when_idle(self) -> None:
        """Start the timer of an idle connection after a request that was answered while it arrived.

        uvicorn starts it with the response, and stops it with the next bytes.
        """
        self._unset_keepalive_if_required()
        seconds = _CLOSING if self._application.is_closing else self.timeout_keep_alive
        self.timeout_keep_alive_task = self.loop.call_later(
            seconds, self.timeout_keep_alive_handler
        )

    def _owes_answer(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    # Time limits

    def _await(self, stage: Stage) -> None:
        """Set the time limit of a stage of the current request; none without a request."""
        awaited = None if stage is Stage.NOTHING else (self._requests, stage)
        if awaited == self._awaited:
            return
        self._awaited = awaited
        self._cancel(self._timer)
        if awaited is not None:
            self._start_timer(stage)

    def _start_timer(self, stage: Stage) -> None:
        limits = self._application.limits
        seconds = limits.body_timeout if stage is Stage.BODY else limits.head_timeout
        self._timer = self.loop.call_later(seconds, self._time_is_up, stage)

    def _time_is_up(self, stage: Stage) -> None:
        """Refuse a request that did not arrive in time, after the responses to earlier requests."""
        if self.transport.is_closing():
            return
        owes = self._owes_answer()
        if self.pipeline or (owes and stage is Stage.HEAD):
            self._start_timer(stage)
        elif stage is Stage.BODY and (not owes or self.cycle.response_started):
            self.transport.abort()  # the response was sent before the request was complete
        else:
            self._refuse(HTTPError("too_slow", "the request took too long to arrive"))

    @staticmethod
    def _cancel(timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()

    def _refuse_at_once(self) -> bool:
        """Refuse the request whose head has arrived if the queue is full; stay connected."""
        parser = self.parser
        is_plain = parser.get_http_version() == "1.1" and parser.should_keep_alive()
        is_plain = is_plain and not parser.should_upgrade()
        is_first = not self._owes_answer() and not self.pipeline and not self.flow.write_paused
        if not (is_plain and is_first) or self._application.is_closing:
            return False
        method, path = parser.get_method().decode("ascii"), self.url.decode("latin-1")
        response = self._application.refused_at_once(method, path, self.headers)
        if response is None:
            return False
        self.transport.write(to_http_bytes(response, self.server_state.default_headers))
        self.on_response_complete()
        return True

    def _refuse(self, refusal: HTTPError) -> None:
        """Send a last response, and close the connection when the client has stopped sending."""
        self._is_refused = True
        self._application.metrics.count_request(NO_ROUTE, refusal.status)
        for cycle in [self.cycle, *(cycle for cycle, _ in self.pipeline)]:
            if cycle is not None:
                cycle.disconnected = True
                cycle.message_event.set()
        self._await(Stage.NOTHING)
        self._timer = self.loop.call_later(LINGERING, self.transport.abort)
        self.transport.write(to_http_bytes(refusal.response(), [(b"connection", b"close")]))
        if self.transport.can_write_eof():
            self.transport.write_eof()
