"""Load at a fixed rate, however fast the responses come, and its clients.

wrk waits for a response before it sends the next request, so it cannot overload a server. Here
requests are due at fixed times, and latency is counted from then.
"""

import asyncio
import itertools
import select
import socket
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np

Result = TypeVar("Result")

MOST_LINES = 1500
_TICK = 0.001
_PATIENCE = 30.0
_PART = 65536
_HEAD = (
    "POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    "Content-Length: {}\r\n\r\n"
)


@dataclass
class Seen:
    """What became of the requests.

    Attributes:
        seconds: How long each took, by its status; 0 stands for no answer.
        given_up: How many were not sent, as too many were under way.
        processor_seconds: Processor time of the client.
    """

    seconds: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    given_up: int = 0
    processor_seconds: float = 0.0

    def count(self, status: int) -> int:
        """Count the answers of a status."""
        return len(self.seconds.get(status, ()))

    def percentile(self, status: int, share: float) -> float:
        """Give a percentile of the seconds of a status; nan where there are none."""
        taken = self.seconds.get(status)
        return float(np.percentile(taken, share)) if taken else float("nan")


def request(body: bytes) -> bytes:
    """Write a request."""
    return _HEAD.format(len(body)).encode() + body


class Line(asyncio.Protocol):
    """A connection that carries one request at a time.

    Args:
        answered: Called with the line and an answer's status, 0 if none came.

    Attributes:
        is_open: Whether it can carry another request.
        due: When the present request was due.
    """

    def __init__(self, answered: "Callable[[Line, int], None]"):
        self._answered = answered
        self._buffer = bytearray()
        self._length = -1
        self._is_waiting = False
        self.is_open = True
        self.due = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]

    def ask(self, sent: bytes, due: float) -> None:
        """Send a request."""
        self._is_waiting, self.due = True, due
        self._transport.write(sent)

    def data_received(self, data: bytes) -> None:
        """Collect an answer."""
        self._buffer += data
        if self._length < 0:
            head = self._buffer.find(b"\r\n\r\n")
            if head < 0:
                return
            found = bytes(self._buffer[:head])
            start = found.index(b"content-length: ") + 16
            self._length = head + 4 + int(found[start:].split(b"\r\n", 1)[0])
            self._status = int(found[9:12])
            if b"connection: close" in found:
                self.is_open = False
        if len(self._buffer) >= self._length:
            self._buffer.clear()
            self._length = -1
            if not self.is_open:
                self._transport.close()
            self._tell(self._status)

    def connection_lost(self, _: Exception | None) -> None:
        """Tell that no answer will come."""
        self.is_open = False
        self._tell(0)

    def close(self) -> None:
        """Close it."""
        self._transport.close()

    def _tell(self, status: int) -> None:
        if self._is_waiting:
            self._is_waiting = False
            self._answered(self, status)


async def connected(port: int, answered: "Callable[[Line, int], None]") -> Line:
    """Open a connection."""
    loop = asyncio.get_running_loop()
    _, line = await loop.create_connection(lambda: Line(answered), "127.0.0.1", port)
    return line


class AtRate:
    """Requests at fixed times, over as many connections as it takes, with little work for each."""

    def __init__(self, port: int, bodies: list[bytes]):
        self._port = port
        self._requests = itertools.cycle([request(body) for body in bodies])
        self._ready = select.epoll()
        self._idle: list[socket.socket] = []
        self._pending: dict[int, _Pending] = {}
        self.seen = Seen()

    def run(self, rate: float, seconds: float) -> Seen:
        """Send requests for some time, and wait for the responses."""
        used = time.process_time()
        started = time.perf_counter()
        for number in range(int(rate * seconds)):
            due = started + number / rate
            while time.perf_counter() < due:
                self._receive()
            self._send(due)
        patience = time.perf_counter() + _PATIENCE
        while self._pending and time.perf_counter() < patience:
            self._receive()
        for own in [*self._idle, *(pending.own for pending in self._pending.values())]:
            own.close()
        self._ready.close()
        self.seen.processor_seconds = time.process_time() - used
        return self.seen

    def _send(self, due: float) -> None:
        if len(self._pending) >= MOST_LINES:
            self.seen.given_up += 1
            return
        try:
            own = self._idle.pop() if self._idle else self._connected()
            own.sendall(next(self._requests))  # one request fits into the buffer of a connection
        except OSError:
            self.seen.seconds[0].append(time.perf_counter() - due)
        else:
            self._pending[own.fileno()] = _Pending(own, due)

    def _connected(self) -> socket.socket:
        own = socket.create_connection(("127.0.0.1", self._port))
        own.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._ready.register(own, select.EPOLLIN)
        return own

    def _receive(self) -> None:
        """Wait for responses, at most for a tick, and read what there is."""
        for number, _ in self._ready.poll(_TICK):
            pending = self._pending.get(number)
            if pending is None:  # the server has closed an idle connection
                self._ready.unregister(number)  # before the last reference to it goes
                self._idle = [own for own in self._idle if own.fileno() != number]
                continue
            status = pending.read()
            if status is None:
                continue
            del self._pending[number]
            self.seen.seconds[status].append(time.perf_counter() - pending.due)
            if pending.is_open:
                self._idle.append(pending.own)
            else:
                self._ready.unregister(number)
                pending.own.close()


class _Pending:
    """A request on its connection, and what was received of its response."""

    def __init__(self, own: socket.socket, due: float):
        self.own, self.due, self.is_open = own, due, True
        self._received, self._length = b"", 0

    def read(self) -> int | None:
        """Read a part; give the status when the response is complete, 0 when none will be."""
        try:
            part = self.own.recv(_PART)
        except OSError:
            part = b""
        if not part:
            self.is_open = False
            return 0
        self._received += part
        if not self._length:
            head, end, _ = self._received.partition(b"\r\n\r\n")
            if not end:
                return None
            length = head[head.index(b"content-length: ") + 16 :].split(b"\r\n", 1)[0]
            self._length = len(head) + 4 + int(length)
            self.is_open = b"connection: close" not in head
        return int(self._received[9:12]) if len(self._received) >= self._length else None


def at_rate(port: int, bodies: list[bytes], rate: float, seconds: float) -> Seen:
    """Send requests at a rate for some time, and give what became of them."""
    return AtRate(port, bodies).run(rate, seconds)


def until_refused(port: int, bodies: list[bytes], clients: int) -> Seen:
    """Ask on and on over some connections, until the server takes no new ones."""
    seen = Seen()

    async def client(number: int) -> None:
        prepared = itertools.cycle([request(body) for body in bodies[number::clients]])
        statuses: asyncio.Queue[int] = asyncio.Queue()
        while True:
            try:
                line = await connected(port, lambda _, status: statuses.put_nowait(status))
            except ConnectionRefusedError:
                return
            except ConnectionResetError:  # it was never accepted
                continue
            while line.is_open:
                line.ask(next(prepared), time.perf_counter())
                seen.seconds[await statuses.get()].append(time.perf_counter() - line.due)

    async def clients_at_once() -> None:
        await asyncio.gather(*map(client, range(clients)))

    run(clients_at_once())
    return seen


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run it in the fastest event loop there is."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run(work)
    return uvloop.run(work)
