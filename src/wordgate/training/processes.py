"""The processes that help this one to train: how many, and how they are started.

Nothing here imports torch, so that they import it while this process does.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from wordgate.runtime.cpu import THREADS_VARIABLE, wait_asleep
from wordgate.settings import Settings

SMALLEST_SHARD = 64
"""Texts of a batch: the steps of an LSTM over fewer take hardly less time."""
FEWEST_TEXTS = 4000
"""Training texts: fewer are learnt before another process would have been started."""
_SECONDS, _POLL = 5.0, 0.005  # for a process to end by itself
_START = (
    "import sys; sys.path[:] = sys.argv[1:]; from wordgate.training.processes import run; run()"
)
_PLACE = "WORDGATE_PROCESS"


@dataclass(frozen=True)
class Helpers:
    """Other processes, which have been started and wait.

    Attributes:
        started: These processes.
        sockets: One to each of them.
        memory: The file descriptor of the memory they share.
    """

    started: Sequence["subprocess.Popen[bytes]"]
    sockets: Sequence[socket.socket]
    memory: int


def can_start_processes() -> bool:
    """Tell whether this system can start processes that inherit sockets and memory."""
    return os.name == "posix" and bool(sys.executable)


def choose_processes(settings: Settings, n_texts: int, threads: int) -> int:
    """Say in how many processes to train an LSTM: in one on few texts.

    Two candidates are trained in a process each; else each batch is cut among processes.
    """
    if not can_start_processes() or n_texts < FEWEST_TEXTS:
        return 1
    if settings.lstm.lighter_candidate:
        return min(threads, 2)
    return max(1, min(threads, settings.lstm.batch_size // SMALLEST_SHARD))


@contextmanager
def helpers(count: int, threads: int) -> Iterator[Helpers]:
    """Start so many processes, of so many threads each; they end when the context does.

    They import no module of the caller's, and neither Ctrl-C nor another signal of the terminal
    reaches them: they end when this process does, however it ends.
    """
    with ExitStack() as stack:
        memory = _shared_memory()
        stack.callback(os.close, memory)
        sockets: list[socket.socket] = []
        started: list[subprocess.Popen[bytes]] = []
        stack.callback(_end, started)
        for rank in range(1, count + 1):
            own, other = socket.socketpair()
            sockets.append(stack.enter_context(own))
            with other:
                place = [rank, count + 1, other.fileno(), memory]
                started.append(
                    subprocess.Popen(  # noqa: S603 - Python itself
                        [sys.executable, "-I", "-c", _START, *sys.path],
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.DEVNULL,
                        pass_fds=(other.fileno(), memory),
                        start_new_session=True,
                        env={
                            **os.environ,
                            "OMP_NUM_THREADS": str(threads),
                            THREADS_VARIABLE: str(threads),
                            _PLACE: " ".join(map(str, place)),
                        },
                    )
                )
        yield Helpers(started, sockets, memory)


def run() -> None:
    """Take part in the training of the process that started this one, until that ends."""
    rank, size, own, memory = map(int, os.environ.pop(_PLACE).split())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    wait_asleep()

    import torch

    from wordgate.training.data_parallel import LostProcessError, serve
    from wordgate.training.local_group import LocalGroup

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    with socket.socket(fileno=own) as connection:
        try:
            serve(LocalGroup(rank, size, [connection], memory))
        except (LostProcessError, KeyboardInterrupt):  # that process has ended, or ends this one
            sys.exit(1)


def _shared_memory() -> int:
    """Give the descriptor of an empty file in memory, or of one that nobody else can open."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("wordgate")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


def _end(started: Sequence["subprocess.Popen[bytes]"]) -> None:
    """End processes whose connection is closed."""
    for process in started:
        process.terminate()  # one that trains keeps its training
    deadline = time.monotonic() + _SECONDS
    for process in started:
        while process.poll() is None and time.monotonic() < deadline:
            time.sleep(_POLL)
        process.kill()
        process.wait()
