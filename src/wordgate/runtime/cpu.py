"""Number of threads, available cores, and the processor's name and features."""

import math
import operator
import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from wordgate.errors import SettingsError
from wordgate.runtime.packages import installed_versions

THREADS_VARIABLE = "WORDGATE_THREADS"
MOST_THREADS = 4096
"""More than any machine has cores; a larger number is a mistake, and would take the system down."""

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
        return _checked(threads)
    asked = _own_variable() or _openmp_variable()
    if asked is not None:
        return asked
    cores = available_cores()
    return cores if at_most is None else min(cores, at_most)


@contextmanager
def torch_threads(torch: ModuleType, threads: int | None) -> Iterator[int]:
    """Let torch compute in so many threads for the time being; more than cores slow it down.

    Args:
        torch: The module; it is handed in, since most predict without it.
        threads: As for `choose_threads`. A lower number that was set by `torch.set_num_threads`
            stays where neither this nor the environment asks for another.

    Yields:
        The number of threads.

    Raises:
        SettingsError: That is no number of threads.
    """
    before = torch.get_num_threads()
    chosen = choose_threads(threads, at_most=before)
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


def _checked(threads: int) -> int:
    """Give a number of threads back as a plain integer; refuse what is none."""
    try:
        number = 0 if isinstance(threads, bool) else operator.index(threads)
    except TypeError:
        number = 0
    if not 1 <= number <= MOST_THREADS:
        raise SettingsError(
            f"threads is {threads!r}; it must be a whole number from 1 to {MOST_THREADS}"
        )
    return number


def _own_variable() -> int | None:
    """Read WORDGATE_THREADS; None where it isn't set."""
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
    unified = [line.removeprefix("0::") for line in lines if line.startswith("0::")]
    quotas = []
    for name in unified:
        group = root / name.strip("/")
        for folder in (group, *group.parents):
            if not folder.is_relative_to(root):
                break
            quotas += _quota(folder / "cpu.max")
    return quotas


def _quota(file: Path) -> list[float]:
    """Read a limit such as ``150000 100000``: microseconds of work in so many of time."""
    try:
        allowed, period = file.read_text(encoding="utf-8").split()
        return [] if allowed == "max" else [int(allowed) / int(period)]
    except (OSError, ValueError, ZeroDivisionError):
        return []


def processor() -> str:
    """Name the processor's model, or its architecture where Linux doesn't tell the model."""
    names = _processor_lines("model name")
    return names[0] if names else platform.machine()


def single_thread_environment(solver: str) -> dict[str, str]:
    """Name what computes a fit on one thread of the processor, and what reads its texts.

    Args:
        solver: The package that minimises the loss.
    """
    return {
        "device": "cpu",
        "precision": "float32",
        "threads": "1",
        "processor": processor(),
        "python": platform.python_version(),
        **installed_versions("numpy", solver, "regex", "wordgate"),
    }


def processor_flags() -> set[str]:
    """Read the processor's features from Linux; empty on other systems."""
    return {flag for line in _processor_lines("flags") for flag in line.split()}


def _processor_lines(field: str) -> list[str]:
    """Read a field of /proc/cpuinfo, one value a processor; none on other systems."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    pairs = (line.partition(":") for line in lines)
    return [value.strip() for name, _, value in pairs if name.strip() == field]
