"""Malicious clients: `python attacks.py NAME PORT SECONDS` prints the responses."""

import asyncio
import contextlib
import gzip
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

_HEAD = (
    "POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n{}\r\n\r\n"
)
_PART = 65536
_CHUNK = b"10000\r\n" + b" " * _PART + b"\r\n"
_TEN_GIGABYTES = 10 * 2**30
_BOMB = 200 * 2**20
_SLOW = 1000


async def _send(port: int, head: str, part: bytes, most: int) -> tuple[str, int]:
    """Send a head and then a part again and again; give the answer's status and bytes sent."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    sent = 0
    with contextlib.suppress(ConnectionError):
        writer.write(_HEAD.format(head).encode())
        while sent < most:
            writer.write(part)
            await writer.drain()
            sent += len(part)
    status = "cut off"
    with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.TimeoutError):
        line = await asyncio.wait_for(reader.readline(), 60)
        status = line.decode()[9:12] or status
    writer.close()
    return status, sent


async def endless(port: int, _: float) -> Counter[str]:
    """Send bodies of 10 GB in chunks, one after the other, ten times."""
    return await _times(10, lambda: _send(port, "Transfer-Encoding: chunked", _CHUNK,
                                          _TEN_GIGABYTES))  # fmt: skip


async def lying(port: int, seconds: float) -> Counter[str]:
    """Say a length: too long, too short for what comes, too long for what comes."""
    found = await _times(10, lambda: _send(port, f"Content-Length: {_TEN_GIGABYTES}", b" " * _PART,
                                           _TEN_GIGABYTES))  # fmt: skip
    found += await _times(10, lambda: _send(port, "Content-Length: 100", b" " * _PART, 10 * _PART))
    waiting = [_send(port, "Content-Length: 4000000", b"{", 1) for _ in range(50)]
    with contextlib.suppress(asyncio.TimeoutError):
        answers = await asyncio.wait_for(asyncio.gather(*waiting), seconds)
        found += Counter(f"length longer than what comes: {status}" for status, _ in answers)
    return found


async def bomb(port: int, _: float) -> Counter[str]:
    """Send what is 200 MB when unpacked, in some 200 kB, fifty times."""
    packed = gzip.compress(b'{"texts": ["' + b"0" * _BOMB + b'"]}')
    head = f"Content-Encoding: gzip\r\nContent-Length: {len(packed)}"
    return await _times(50, lambda: _send(port, head, packed, len(packed)))


async def slow(port: int, seconds: float) -> Counter[str]:
    """Have a thousand clients send a byte a second: half of them heads, half of them bodies."""
    end = time.monotonic() + seconds
    head = _HEAD.format("Content-Length: 1000").encode()

    async def client(number: int) -> str:
        sent = head if number % 2 else b""
        rest = b"{" + b" " * 1000 if number % 2 else head
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        answer = asyncio.ensure_future(reader.readline())
        with contextlib.suppress(ConnectionError):
            for byte in rest:
                if answer.done() or time.monotonic() > end:
                    break
                writer.write(bytes([byte]))
                await asyncio.sleep(1)
        with contextlib.suppress(ConnectionError):
            status = answer.result().decode()[9:12] if answer.done() else "still waiting"
        answer.cancel()
        writer.close()
        return status

    return Counter(await asyncio.gather(*map(client, range(_SLOW))))


async def _times(
    count: int, attack: Callable[[], Coroutine[Any, Any, tuple[str, int]]]
) -> Counter[str]:
    return Counter([(await attack())[0] for _ in range(count)])


ATTACKS = {"endless": endless, "lying": lying, "bomb": bomb, "slow": slow}

if __name__ == "__main__":
    name, port_given, seconds_given = sys.argv[1:]
    print(json.dumps(asyncio.run(ATTACKS[name](int(port_given), float(seconds_given)))))
