"""The server process: sockets, signals, graceful shutdown."""

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from functools import partial
from types import FrameType

import uvicorn

from wordgate.errors import SettingsError
from wordgate.runtime.cpu import SINGLE_THREADED_BLAS
from wordgate.serve.access import Access
from wordgate.serve.app import Application
from wordgate.serve.limits import Limits
from wordgate.serve.model import ServedModel
from wordgate.serve.protocol import Connection, ServerState

_BACKLOG = 2048
_SWITCHING = 0.0005
"""Seconds after which the thread that predicts lets the event loop have its turn."""
_OTHER_FILES = 64
_ACCEPTING = 0.05
_LOOKING = 0.02
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def serve(
    model: ServedModel,
    *,
    host: str,
    port: int,
    limits: Limits,
    access: Access,
    announce: Callable[[str], None],
) -> None:
    """Serve a model until a signal ends it.

    SIGTERM, or SIGINT without the delay: not ready any more, no new connections, what was accepted
    is answered, and it returns. A second signal ends the process at once.

    Args:
        model: What answers.
        host: An address or a name of this machine.
        port: Where; 0 for any that is free.
        limits: What it gives at most.
        access: Who may ask.
        announce: Called with the URL when connections are accepted.

    Raises:
        SettingsError: It can't listen there, or the system allows too few connections.
    """
    _allow_files(limits.max_connections + _OTHER_FILES)
    listening = _bound(host, port)
    sys.setswitchinterval(_SWITCHING)
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # any stranger could fill it
    app = Application(model, limits, access)
    with SINGLE_THREADED_BLAS:  # entered for good, it need not be for every batch
        _Server(app, lambda: announce(_url(listening))).run([listening])


class _Server(uvicorn.Server):
    """uvicorn's server, with another end."""

    def __init__(self, app: Application, announce: Callable[[], None]):
        limits = app.limits
        self._app, self._announce = app, announce
        self._shared = ServerState(limits, app.metrics)
        self._delay = limits.drain_delay
        protocol = partial(Connection, self._shared)
        super().__init__(
            uvicorn.Config(
                app,
                http=protocol,  # type: ignore[arg-type]  # it is called as the class would be
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
        """Warm up, accept connections, and say so."""
        self._app.batcher.start()
        await super().startup(sockets)
        self._announce()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Listen to signals; unlike uvicorn, don't send them on at the end: it was a good one."""
        before = {number: signal.signal(number, self.handle_exit) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """Begin to end; the second time, end."""
        if self.should_exit:
            signal.signal(sig, signal.SIG_DFL)
            os.kill(os.getpid(), sig)
        self._app.is_draining = self.should_exit = True
        if sig == signal.SIGINT:  # somebody sits before it and waits
            self._delay = 0.0

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what was accepted, and close."""
        await asyncio.sleep(self._delay)
        await self._stop_accepting(sockets or [])
        self._shared.is_closing = True
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
        """Accept what the system has taken on already, and nothing more."""
        for one in sockets:
            one.listen(0)  # the system turns new connections away, and those it holds stay
        await asyncio.sleep(_ACCEPTING)
        for server in self.servers:
            server.close()

    async def _all_closed(self) -> None:
        while self.server_state.connections or self.server_state.tasks:
            await asyncio.sleep(_LOOKING)


def _bound(host: str, port: int) -> socket.socket:
    """Take an address.

    Raises:
        SettingsError: It is taken, or not ours.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        try:
            if os.name == "posix":  # elsewhere it would let two servers share a port
                listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        raise SettingsError(
            f"can't listen on {host}, port {port} ({error.strerror or error});"
            " choose another --host or --port"
        ) from error
    return listening


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _allow_files(needed: int) -> None:
    """See that the system lets this process have so many files open, connections being files.

    Raises:
        SettingsError: It doesn't.
    """
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
