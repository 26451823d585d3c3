"""Threads: their number, parallel loops, limits of BLAS; the processor's name and features."""

import math
import os
import platform
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain, islice
from pathlib import Path
from threading import Event, Lock
from types import ModuleType
from typing import TypeVar

from threadpoolctl import ThreadpoolController

from wordgate.arguments import whole_number
from wordgate.errors import SettingsError
from wordgate.runtime.packages import installed_versions

THREADS_VARIABLE = "WORDGATE_THREADS"
MOST_THREADS = 4096
"""Maximum number of threads; a larger number is a mistake and could overload the system."""

_SMALLEST_PART = 64
"""Minimum items, such as texts, per thread; with fewer, a thread costs more than it saves."""

Item = TypeVar("Item")

_CGROUPS = Path("/sys/fs/cgroup")
_NUMBERS = re.compile(r"\s*\+?[0-9]{1,9}\s*(,\s*\+?[0-9]{1,9}\s*)*")


def choose_threads(threads: int | None = None, *, at_most: int | None = None) -> int:
    """Choose in how many threads to compute.

    The first of these that is given counts: the argument; the environment variable
    WORDGATE_THREADS; the variable OMP_NUM_THREADS, of a list such as ``4,2`` the first number; the
    cores this process may use, as `available_cores` counts them. A variable that is empty is none,
    and an OMP_NUM_THREADS that is malformed is ignored, as OpenMP ignores it.

    Args:
        threads: What the caller asks for; None to go by the environment.
        at_most: What a library has been set to by other means. It holds the cores down, not what
            the argument or a variable asks for.

    Raises:
        SettingsError: The argument or WORDGATE_THREADS is no number of threads.
    """
    if threads is not None:
        needed = f"a whole number from 1 to {MOST_THREADS}"
        return whole_number(threads, "threads", needed, most=MOST_THREADS)
    asked = _own_variable() or _openmp_variable()
    if asked is not None:
        return asked
    cores = available_cores()
    return cores if at_most is None else min(cores, at_most)


def choose_torch_threads(threads: int | None) -> int:
    """Choose in how many threads torch and processes it starts compute, as `torch_threads` does.

    Of a forked process, which can use only one itself, more have to be asked for.

    Raises:
        SettingsError: That is no number of threads.
    """
    torch = sys.modules.get("torch")
    if _was_forked and threads is None:
        return 1
    return choose_threads(threads, at_most=None if torch is None else torch.get_num_threads())


@contextmanager
def torch_threads(torch: ModuleType, threads: int | None) -> Iterator[int]:
    """Let torch compute in this many threads for the time being; more than cores slow it down.

    In a process that was forked from one with torch it computes in one: the threads of OpenMP are
    not there any more, and work that is handed to them would wait for ever.

    Args:
        torch: The module; it is handed in, since most predict without it.
        threads: As for `choose_threads`. A lower number that was set by `torch.set_num_threads`
            stays where neither this nor the environment asks for another.

    Yields:
        The number of threads.

    Raises:
        SettingsError: That is no number of threads; or several are asked for in a forked process.
    """
    before = torch.get_num_threads()
    chosen = choose_threads(threads, at_most=before)
    if chosen > 1 and _was_forked:
        if threads is not None:
            raise SettingsError(
                f"threads is {threads}, but torch can use only one in a process that was forked"
                " from one that has used it: give threads=1, or start processes with"
                " multiprocessing.get_context('spawn')"
            )
        chosen = before = 1
    torch.set_num_threads(chosen)
    try:
        yield chosen
    finally:
        torch.set_num_threads(before)


def wait_asleep() -> None:
    """Let OpenMP's threads sleep soon while they wait; works only before torch is imported.

    By default they spin. An LSTM synchronises its threads thousands of times a second, so where
    another program wants a core, too, spinning starves the very thread that is waited for: on two
    busy cores training was ten times slower. A short spin costs nothing on an idle machine.
    What the user has set stays.
    """
    if "OMP_WAIT_POLICY" not in os.environ:
        os.environ.setdefault("GOMP_SPINCOUNT", "1000")


def available_cores() -> int:
    """Count the cores this process may use, quotas of its control groups included."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity else os.cpu_count() or 1
    return max(1, min([cores, *map(math.ceil, _quotas(Path("/proc/self/cgroup"), _CGROUPS))]))


def _own_variable() -> int | None:
    value = os.environ.get(THREADS_VARIABLE, "").strip()
    if not value:
        return None
    if not (re.fullmatch(r"[0-9]{1,9}", value) and 1 <= int(value) <= MOST_THREADS):
        raise SettingsError(
            f"the environment variable {THREADS_VARIABLE} is {value!r:.80}; it must be a whole"
            f" number from 1 to {MOST_THREADS}"
        )
    return int(value)


def _openmp_variable() -> int | None:
    """Read OMP_NUM_THREADS, one number for each level of nesting; None where it says none."""
    value = os.environ.get("OMP_NUM_THREADS", "")
    if not _NUMBERS.fullmatch(value):
        return None
    numbers = [int(number) for number in value.split(",")]
    return numbers[0] if all(1 <= number <= MOST_THREADS for number in numbers) else None


def _quotas(own_groups: Path, root: Path) -> list[float]:
    """Read how many processors' time this process's control groups (version 2) may take."""
    try:
        lines = own_groups.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    groups = [root / line[3:].strip("/") for line in lines if line.startswith("0::")]
    folders = [folder for group in groups for folder in (group, *group.parents)]
    own = [folder / "cpu.max" for folder in folders if folder.is_relative_to(root)]
    return [quota for file in own for quota in _quota(file)]


def _quota(file: Path) -> list[float]:
    """Read a limit such as ``150000 100000``: microseconds of work in so many of time."""
    try:
        allowed, period = file.read_text(encoding="utf-8").split()
        return [] if allowed == "max" else [int(allowed) / int(period)]
    except (OSError, ValueError, ZeroDivisionError):
        return []


def part_size(n_items: int, threads: int | None, most: int) -> int:
    """Choose how many of some items a thread takes at a time.

    Every thread gets the same number of parts, so that none computes the last one alone.
    """
    if n_items <= _SMALLEST_PART:
        return _SMALLEST_PART
    count = choose_threads(threads)
    parts = count * -(-n_items // (count * most))
    return max(_SMALLEST_PART, -(-n_items // parts))


def parallel_for(
    work: Callable[[Item], None], items: Iterable[Item], *, threads: int | None
) -> None:
    """Call a function on every item from several threads, the calling one included.

    numpy releases the GIL while it computes. No more threads are started than there are
    items besides the first; none for one thread, or a single item, for which the cores aren't
    even counted. What goes wrong in any thread is raised here, and an interruption, too; no item
    is begun after.

    Args:
        work: The function.
        items: Its arguments, taken one by one.
        threads: In how many threads at most, as for `choose_threads`.

    Raises:
        SettingsError: That is no number of threads.
    """
    begun = iter(items)
    first = list(islice(begun, 2))
    count = choose_threads(threads) if len(first) == 2 else 1
    first += islice(begun, max(0, count - 2))
    rest = chain(first, begun)
    helpers = min(count, len(first)) - 1
    if helpers < 1:
        for item in rest:
            work(item)
        return
    taking, stopped = Lock(), Event()

    def take() -> list[Item]:
        with taking:
            return [] if stopped.is_set() else list(islice(rest, 1))

    def run() -> None:
        try:
            while item := take():
                work(*item)
        except BaseException:
            stopped.set()
            raise

    with ThreadPoolExecutor(helpers) as pool:
        running = [pool.submit(run) for _ in range(helpers)]
        run()
        for one in running:
            one.result()


@contextmanager
def prefetch(items: Iterable[Item], *, threads: int) -> Iterator[Iterator[Item]]:
    """Draw each next item in a thread of its own, one ahead of the one that is asked for.

    The thread has ended when the context has, however far the items were drawn. What making an
    item raises is raised where the item is asked for. If there may be but one thread, each item is
    drawn when it is asked for.
    """
    source = iter(items)
    if threads == 1:
        yield source
        return
    with ThreadPoolExecutor(1, thread_name_prefix="wordgate-prepare") as pool:
        yield _one_ahead(source, pool)


def _one_ahead(source: Iterator[Item], pool: ThreadPoolExecutor) -> Iterator[Item]:
    end = object()
    coming: Future[Item | object] = pool.submit(next, source, end)
    while (item := coming.result()) is not end:
        coming = pool.submit(next, source, end)
        yield item  # type: ignore[misc]


@contextmanager
def limited_blas(threads: int) -> Iterator[None]:
    """Hold BLAS to this many threads for the time being; a library that has fewer keeps them."""
    pools = ThreadpoolController().select(user_api="blas")
    larger = [pool["filepath"] for pool in pools.info() if pool["num_threads"] > threads]
    with pools.select(filepath=larger).limit(limits=threads):
        yield


class SingleThreadedBLAS:
    """Keeps BLAS to one thread while any caller is inside.

    For products this small, handing out work costs more than the work. The limit is the process's
    own: the first caller in sets it, the last one out takes it away.
    """

    def __init__(self) -> None:
        self._changing = Lock()
        self._inside = 0
        self._pools: ThreadpoolController | None = None

    def __enter__(self) -> None:
        with self._changing:
            self._inside += 1
            if self._inside == 1:
                self._pools = self._pools or ThreadpoolController()
                self._limit = self._pools.limit(limits=1, user_api="blas")

    def __exit__(self, *_: object) -> None:
        with self._changing:
            self._inside -= 1
            if not self._inside:
                self._limit.restore_original_limits()


SINGLE_THREADED_BLAS = SingleThreadedBLAS()
_was_forked = False
"""Whether this process was forked from one that had imported torch."""


def _after_fork() -> None:
    """Note in a child that threads of its parent are missing, with what they held."""
    global _was_forked
    _was_forked = "torch" in sys.modules
    SINGLE_THREADED_BLAS.__init__()  # type: ignore[misc]


if hasattr(os, "register_at_fork"):  # there is none on Windows
    os.register_at_fork(after_in_child=_after_fork)


def processor() -> str:
    """Name the processor's model, or its architecture where Linux doesn't tell the model."""
    names = _processor_lines("model name")
    return names[0] if names else platform.machine()


def single_thread_environment(*solver: str) -> dict[str, str]:
    """List what computes a fit on one thread of the processor, and what reads its texts.

    Args:
        solver: The package that minimizes the loss, if it is another than numpy.
    """
    return {
        "device": "cpu",
        "precision": "float32",
        "threads": "1",
        "processor": processor(),
        "python": platform.python_version(),
        **installed_versions("numpy", *solver, "regex", "wordgate"),
    }


def processor_flags() -> set[str]:
    """Read the processor's features from Linux; empty on other systems."""
    return {flag for line in _processor_lines("flags") for flag in line.split()}


def multiplies_bfloat16() -> bool:
    """Return whether the processor multiplies bfloat16 natively, by AVX512-BF16 or AMX."""
    return not processor_flags().isdisjoint(("avx512_bf16", "amx_bf16"))


def _processor_lines(field: str) -> list[str]:
    """Read a field of /proc/cpuinfo, one value a processor; none on other systems."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    pairs = (line.partition(":") for line in lines)
    return [value.strip() for name, _, value in pairs if name.strip() == field]
