"""Tasks on an engine: one after another in this process, or on a Ray cluster.

This is the only module that knows how Ray runs tasks.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

from wordgate.errors import (
    BundleError,
    DataError,
    SettingsError,
    WordgateError,
    did_you_mean,
)
from wordgate.runtime.cpu import (
    THREADS_VARIABLE,
    available_cores,
    choose_threads,
    limited_blas,
    wait_asleep,
)
from wordgate.runtime.packages import require_extra

LOCAL, RAY = "local", "ray"
ENGINES = (LOCAL, RAY)
ADDRESS = "RAY_ADDRESS"
"""The environment variable that names a cluster; without it, one is started on this machine."""

Shared = TypeVar("Shared")
Item = TypeVar("Item")
Result = TypeVar("Result")

_RETRIES = 8  # of a task whose worker died
_PATIENCE = 10.0  # seconds, for a cluster to answer
_FEWEST_IN_FLIGHT, _IN_FLIGHT_A_CPU = 32, 2
"""Number of tasks that are submitted at a time: the minimum, and the number per CPU."""


@dataclass(frozen=True)
class Engine:
    """Where tasks run.

    Attributes:
        name: ``local`` or ``ray``.
        threads: The number of threads of each task; on Ray it asks for as many CPUs.
        gpus: The number of GPUs of each task on Ray.
    """

    name: str = LOCAL
    threads: int = 1
    gpus: int = 0

    @classmethod
    def of(cls, name: str, threads: int | None, device: str = "cpu") -> Engine:
        """Choose an engine of `ENGINES` by what a user asks for.

        No number of threads means one a task on Ray, where tasks share the cores, and else what
        `choose_threads` chooses. Tasks on ``cuda`` ask Ray for a GPU each.

        Raises:
            SettingsError: There is no such engine, or that is no number of threads.
            MissingExtraError: Ray is not installed.
            WordgateError: The cluster that RAY_ADDRESS names cannot be reached.
        """
        if name not in ENGINES:
            raise SettingsError(f"no engine '{name}'{did_you_mean(name, ENGINES)}")
        if name == LOCAL:
            return cls(LOCAL, choose_threads(threads))
        require_extra("ray", f"--engine {RAY}")
        _check_reachable(_address())
        chosen = 1 if threads is None else choose_threads(threads)
        return cls(RAY, chosen, int(device.startswith("cuda")))

    def device_of(self, device: str) -> str:
        """Return the device of a task: on Ray its assigned GPU, or the CPU for ``auto``."""
        return device if self.is_local else "cuda" if self.gpus else "cpu"

    @property
    def is_local(self) -> bool:
        """Whether tasks run in this process."""
        return self.name == LOCAL


def map_tasks(
    work: Callable[[Shared, Item], Result], shared: Shared, items: Iterable[Item], engine: Engine
) -> Iterator[tuple[Item, Result]]:
    """Call a function on every item, and give the results as they come.

    On Ray a task whose worker dies is run again by Ray, on another worker if need be. What a task
    raises is raised here, and ends the others.

    The function must be one of a module that Ray's workers can import. Its first argument is the
    same for all items, and is sent once.

    Yields:
        Each item with its result; in their order if local, else in the order of completion.

    Raises:
        SettingsError: No node of the cluster has the CPUs or GPUs of a task.
        WordgateError: The cluster cannot be reached, or workers died again and again.
    """
    if engine.is_local:
        for item in items:
            yield item, work(shared, item)
        return
    ray = _connected(engine)
    options = {"num_cpus": engine.threads, "num_gpus": engine.gpus, "max_retries": _RETRIES}
    task = ray.remote(**options)(_call)
    sent, waiting = ray.put(shared), iter(items)
    cpus = int(ray.cluster_resources().get("CPU", 1))
    most = max(_FEWEST_IN_FLIGHT, _IN_FLIGHT_A_CPU * cpus)
    running: dict[Any, Item] = {}
    try:
        while True:
            for item in islice(waiting, most - len(running)):
                running[task.remote(work, sent, item, engine.threads, os.getcwd())] = item
            if not running:
                return
            [done], _ = ray.wait(list(running))
            yield running.pop(done), _result(ray, done)
    finally:
        for one in running:
            ray.cancel(one, force=True)


def _call(
    work: Callable[[Shared, Item], Result], shared: Shared, item: Item, threads: int, place: str
) -> Result:
    """Run a task on a worker, where relative paths mean the same as where it was begun."""
    wait_asleep()
    os.environ[THREADS_VARIABLE] = str(threads)  # a worker may have variables of the command
    if os.path.isdir(place):
        os.chdir(place)
    try:
        with limited_blas(threads):
            return work(shared, item)
    except WordgateError as error:
        kinds = (DataError, SettingsError, BundleError, WordgateError)
        kind = next(kind for kind in kinds if isinstance(error, kind))
        raise kind(str(error)) from None  # one of its own type may need more to be sent


def _result(ray: Any, reference: Any) -> Any:
    """Return what a task returned, or raise what it raised."""
    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, Exception):
            raise error.cause from error
        raise
    except ray.exceptions.RayError as error:
        raise WordgateError(
            f"a task failed {_RETRIES + 1} times because its worker died, for example for lack of"
            f" memory: {_first_line(error)}"
        ) from error


def _connected(engine: Engine) -> Any:
    """Connect to the cluster, unless this process is connected: a cluster of its own stays."""
    import ray

    if not ray.is_initialized():
        _connect(ray)
    least = {"CPU": engine.threads, "GPU": engine.gpus}
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    if not any(all(node.get(kind, 0) >= n for kind, n in least.items()) for node in nodes):
        needed = " and ".join(f"{n} {kind}" for kind, n in least.items() if n)
        raise SettingsError(
            f"no node of the Ray cluster has the {needed} of a task: give fewer --threads"
            + (", or --device cpu" if engine.gpus else "")
        )
    return ray


def _address() -> str:
    """Return the address of the cluster to use; empty for one to be started on this machine."""
    return os.environ.get(ADDRESS, "").strip()


def _check_reachable(address: str) -> None:
    """Refuse an address where nothing answers, before any work: Ray would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdigit()):  # such as "auto"
        return
    try:
        socket.create_connection((host, int(port)), _PATIENCE).close()
    except (OSError, OverflowError) as error:
        raise _unreachable(address, error) from error


def _unreachable(address: str, error: BaseException) -> WordgateError:
    place = f"the Ray cluster at {address} ({ADDRESS}) cannot be reached"
    what = place if address else "Ray cannot be started on this machine"
    return WordgateError(f"{what}: {_first_line(error)}")


def _connect(ray: Any) -> None:
    address = _address()
    options: dict[str, Any] = {"address": address, "log_to_driver": False, "logging_level": "ERROR"}
    if not address:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        options |= {"address": "local", "num_cpus": available_cores(), "include_dashboard": False}
    with _own_sigterm():
        try:
            ray.init(**options)
        except (ConnectionError, OSError, RuntimeError, ValueError) as error:
            raise _unreachable(address, error) from error


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Keep Ray from taking over SIGTERM."""
    handler = signal.getsignal(signal.SIGTERM)
    in_main_thread = threading.current_thread() is threading.main_thread()
    try:
        yield
    finally:
        if in_main_thread and handler is not None:  # None where something besides Python handles it
            signal.signal(signal.SIGTERM, handler)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(". ") if lines else type(error).__name__
