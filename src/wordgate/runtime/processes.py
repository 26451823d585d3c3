"""Python processes that end with this one, and the call of a function in one of them."""

import gc
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Generic, TypeVar

from wordgate.errors import WordgateError
from wordgate.runtime.threads import THREADS_VARIABLE, wait_asleep

Result = TypeVar("Result")
_NICENESS = 3
"""That of a call in the background: about half the time of another process on a busy core."""


class ProcessStartError(WordgateError):
    """The system does not start another process."""


class ProcessEndedError(WordgateError):
    """A process ended before it returned a result."""


def can_start_processes() -> bool:
    """Return whether this system can start Python processes that inherit files and sockets."""
    return os.name == "posix" and bool(sys.executable) and not getattr(sys, "frozen", False)


def start_python(
    module: str, argument: str, descriptors: Sequence[int], threads: int
) -> "subprocess.Popen[bytes]":
    """Start a process that calls the function `run` of a module with an argument.

    It imports no module of the caller's, and neither Ctrl-C nor another signal of the terminal
    reaches it.

    Args:
        module: The name of the module.
        argument: The argument.
        descriptors: The open files that it inherits, by the same numbers.
        threads: The number of threads of OpenMP and BLAS in it, and of `choose_threads`.

    Raises:
        OSError: The system refuses.
    """
    code = f"import sys; sys.path[:] = sys.argv[2:]; from {module} import run; run(sys.argv[1])"
    return subprocess.Popen(  # noqa: S603 - Python itself
        [sys.executable, "-I", "-c", code, argument, *sys.path],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=descriptors,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": str(threads), THREADS_VARIABLE: str(threads)},
    )


class BackgroundCall(Generic[Result]):
    """The call of a function in another process, which has begun."""

    def __init__(self, process: "subprocess.Popen[bytes]", output: IO[bytes]):
        self.process = process
        self._output = output

    def result(self) -> Result:
        """Wait for the end of the call, and return its result.

        Raises:
            ProcessEndedError: There is none: the function raised an error, the process was killed,
                or the disk is full.
        """
        code = self.process.wait()
        self._output.seek(0)
        try:
            result: Result = pickle.load(self._output)  # noqa: S301 - of our own process
        except (EOFError, pickle.UnpicklingError):  # there is none, or a part of it
            raise ProcessEndedError(f"the process ended unexpectedly (exit code {code})") from None
        return result


@contextmanager
def call_in_background(function: Callable[[], Result]) -> Iterator[BackgroundCall[Result]]:
    """Call a function in a process of its own, in one thread, at low priority, in a context.

    The process ends with the context or with this process, however that ends. Function and result
    are pickled into temporary files, so that a result does not keep the process waiting.

    Raises:
        ProcessStartError: The system starts no process, or there is no room for the files.
    """
    with ExitStack() as stack:
        try:
            files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(2)]
            call, output = files
            pickle.dump(function, call, protocol=5)
            call.flush()
            reading, writing = os.pipe()
            stack.callback(os.close, writing)  # at which the process ends
            try:
                descriptors = [call.fileno(), output.fileno(), reading]
                argument = " ".join(map(str, descriptors))
                process = start_python(__name__, argument, descriptors, 1)
            finally:
                os.close(reading)
        except OSError as error:
            reason = error.strerror or error
            raise ProcessStartError(f"another process can't be started: {reason}") from error
        stack.callback(process.wait)
        stack.callback(process.kill)
        yield BackgroundCall(process, output)


def run(descriptors: str) -> None:
    """Make the call that is in an open file, and write its result to another one.

    Args:
        descriptors: The numbers of both, and of a pipe that ends when the process that started this
            one does.
    """
    call, output, pipe = map(int, descriptors.split())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _lower_priority()
    threading.Thread(target=_end_with, args=(pipe,), daemon=True).start()
    wait_asleep()
    with open(call, "rb") as file:
        file.seek(0)
        function = pickle.load(file)  # noqa: S301 - of the process that started this one
    result = function()
    with open(output, "wb") as file:
        pickle.dump(result, file, protocol=5)
    gc.freeze()  # see `wordgate.cli.main.run`


def _lower_priority() -> None:
    """Let the processes that this one works for have more of the cores than this one.

    Linux may share the cores among sessions first, by a number of each session (sched(7)).
    """
    os.nice(_NICENESS)
    with suppress(OSError):
        Path("/proc/self/autogroup").write_text(f"{_NICENESS}", encoding="ascii")


def _end_with(pipe: int) -> None:
    """End this process when nobody holds the other end of a pipe any more."""
    os.read(pipe, 1)
    os._exit(1)
