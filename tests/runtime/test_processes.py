"""A function call in another process, which ends with its context and with this process."""

import errno
import os
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import pid_started_by, wait_until_gone

from wordgate.errors import WordgateError
from wordgate.runtime import processes
from wordgate.runtime.processes import ProcessEndedError, ProcessStartError, call_in_background
from wordgate.runtime.threads import choose_threads

pytestmark = pytest.mark.skipif(not processes.can_start_processes(), reason="starts processes")


def test_a_result_comes_from_another_process():
    numbers = np.arange(100_000.0)
    with call_in_background(partial(np.cumsum, numbers)) as call:
        assert np.array_equal(call.result(), np.cumsum(numbers))
    with call_in_background(os.getpid) as call:
        assert call.result() == call.process.pid != os.getpid()


def test_a_call_is_in_one_thread():
    with call_in_background(choose_threads) as call:
        assert call.result() == 1


def test_a_call_that_raises_an_error_has_no_result():
    with call_in_background(partial(int, "x")) as call:
        with pytest.raises(ProcessEndedError) as caught:
            call.result()
        assert str(caught.value) == "the process ended unexpectedly (exit code 1)"


def test_a_killed_call_has_no_result():
    with call_in_background(partial(time.sleep, 60)) as call:
        call.process.kill()
        with pytest.raises(ProcessEndedError, match=r"\(exit code -9\)$"):
            call.result()


def large_result_on_a_full_disk():
    """Return more than this process may write to a file."""
    import resource

    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    return bytes(1_000_000)


def test_a_result_that_the_disk_cannot_hold_is_none():
    with (
        call_in_background(large_result_on_a_full_disk) as call,
        pytest.raises(ProcessEndedError, match=r"\(exit code 1\)$"),
    ):
        call.result()


def test_what_is_no_python_has_no_result(monkeypatch):
    monkeypatch.setattr("sys.executable", "/bin/true")
    with (
        call_in_background(os.getpid) as call,
        pytest.raises(ProcessEndedError, match="exit code 0"),
    ):
        call.result()


def open_descriptors():
    """Count the open files of this process, where the system lists them."""
    folder = Path("/dev/fd")
    return len(list(folder.iterdir())) if folder.is_dir() else 0


def test_a_call_ends_with_its_context_and_leaves_no_descriptors():
    before = open_descriptors()
    with call_in_background(partial(time.sleep, 60)) as call:
        assert call.process.poll() is None
    assert call.process.returncode == -9
    assert open_descriptors() == before


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads states as Linux has them")
def test_a_call_ends_with_this_process_and_imports_nothing_of_a_script(tmp_path):
    pid = pid_started_by(
        tmp_path / "script.py",
        "import os, signal, time\n"
        "from functools import partial\n"
        "from wordgate.runtime.processes import call_in_background\n"
        "with call_in_background(partial(time.sleep, 60)) as call:\n"
        "    print(call.process.pid, flush=True)\n",
    )
    assert wait_until_gone(pid)


def refuse(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("what", ["start_python", "tempfile.TemporaryFile", "pickle.dump"])
def test_a_process_that_cannot_be_started_is_reported(monkeypatch, what):
    before = open_descriptors()
    monkeypatch.setattr(f"wordgate.runtime.processes.{what}", refuse)
    with pytest.raises(ProcessStartError) as caught, call_in_background(os.getpid):
        pass
    assert str(caught.value) == "another process can't be started: No space left on device"
    assert isinstance(caught.value, WordgateError)
    assert open_descriptors() == before
