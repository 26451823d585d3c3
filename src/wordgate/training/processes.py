"""The worker processes that train together with this one: how many, and how they are started.

Nothing here imports torch, so that they import it while this process does.
"""

import gc
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import IO

from wordgate.errors import WordgateError
from wordgate.runtime.processes import ProcessStartError, can_start_processes, start_python
from wordgate.runtime.threads import wait_asleep
from wordgate.settings import Settings

SMALLEST_SHARD = 64
"""Minimum texts of a batch per process; fewer take hardly less time."""
FEWEST_TEXTS = 4000
"""Minimum training texts; with fewer, training ends before another process has started."""
_TO_START, _TO_END, _POLL = 60.0, 5.0, 0.005  # seconds


class LostProcessError(WordgateError):
    """Another process of the group has failed or ended while it was needed.

    Args:
        rank: Its rank; None if it is not known.
        world_size: The number of processes.
        report: Its traceback, if it has sent one.
    """

    def __init__(self, rank: int | None, world_size: int, report: str = ""):
        which = "one" if rank is None else f"number {rank + 1}"
        how = f"failed:\n{report}" if report else "ended unexpectedly: memory may have run out"
        super().__init__(f"of the {world_size} training processes, {which} {how}")


@dataclass(frozen=True)
class Workers:
    """Worker processes, and a socket to each of them, by rank."""

    started: list["subprocess.Popen[bytes]"]
    sockets: list[socket.socket]

    def check(self) -> None:
        """Wait until all of them run.

        Raises:
            ProcessStartError: One of them doesn't, such as where `sys.executable` is no Python.
        """
        for connection in self.sockets:
            connection.settimeout(_TO_START)
            try:
                runs = connection.recv(1)
            except OSError:
                runs = b""
            connection.settimeout(None)
            if not runs:
                raise ProcessStartError(f"'{sys.executable}' does not start a worker process")


def are_worth_starting(n_texts: int) -> bool:
    """Return whether processes can be started, and save time with this many training texts."""
    return can_start_processes() and n_texts >= FEWEST_TEXTS


def choose_processes(settings: Settings, n_texts: int, threads: int) -> int:
    """Choose in how many processes to train an LSTM: in one on few texts.

    Two candidates are trained in a process each; else each batch is split among processes.
    """
    if not are_worth_starting(n_texts):
        return 1
    if settings.lstm.lighter_candidate:
        return min(threads, 2)
    return max(1, min(threads, settings.lstm.batch_size // SMALLEST_SHARD))


@contextmanager
def start_workers(count: int, threads: int) -> Iterator[Workers]:
    """Start this many worker processes, of this many threads each; they end when the context does.

    They end when this process does, however it ends; see `start_python`.

    Raises:
        ProcessStartError: The system refuses.
    """
    with ExitStack() as stack:
        workers = Workers([], [])
        stack.callback(_end, workers)
        try:
            shared_memory().close()
            for rank in range(1, count + 1):
                own, other = socket.socketpair()
                workers.sockets.append(own)
                with other:
                    place = f"{rank} {count + 1} {other.fileno()}"
                    workers.started.append(_start(place, other.fileno(), threads))
        except OSError as error:
            reason = error.strerror or error
            raise ProcessStartError(f"a worker process can't be started: {reason}") from error
        yield workers


def shared_memory() -> IO[bytes]:
    """Open an empty file in memory, or where there is no such file, one without a name on disk."""
    try:
        return os.fdopen(os.memfd_create("wordgate"), "w+b")
    except (AttributeError, OSError):  # macOS has none; a container may refuse it
        return tempfile.TemporaryFile()


def _start(place: str, descriptor: int, threads: int) -> "subprocess.Popen[bytes]":
    return start_python(__name__, place, [descriptor], threads)


def run(place: str) -> None:
    """Train together with the process that started this one, until that ends.

    Args:
        place: Rank, number of processes, and the descriptor of the socket to rank 0.
    """
    rank, world_size, descriptor = map(int, place.split())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    wait_asleep()
    with socket.socket(fileno=descriptor) as connection:
        connection.sendall(b"r")  # see `Workers.check`

        import torch

        from wordgate.training.data_parallel import serve
        from wordgate.training.local_group import LocalGroup

        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        group = LocalGroup(rank, world_size, [connection])
        try:
            serve(group)
        except (LostProcessError, KeyboardInterrupt):  # that process has ended, or ends this one
            sys.exit(1)
        except Exception:
            group.fail(traceback.format_exc())
            sys.exit(1)
    gc.freeze()  # rank 0 waits for the end of this process: see `wordgate.cli.main.run`


def _end(workers: Workers) -> None:
    """Close the connections, at which the processes end; kill those that don't.

    One that trains a candidate saves a checkpoint first: a signal would interrupt it in that.
    """
    for connection in workers.sockets:
        connection.close()
    deadline = time.monotonic() + _TO_END
    for process in workers.started:
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(_POLL)
        process.kill()
        process.wait()
