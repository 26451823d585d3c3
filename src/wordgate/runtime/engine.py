"""Execution of tasks, one after another in this process or on a Ray cluster.

All tasks on Ray are started in this module.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial, wraps
from itertools import islice
from typing import Any, Generic, TypeVar

from wordgate.errors import BundleError, DataError, SettingsError, WordgateError, did_you_mean
from wordgate.runtime.cpu import available_cores
from wordgate.runtime.display import counted
from wordgate.runtime.packages import require_extra
from wordgate.runtime.threads import THREADS_VARIABLE, choose_threads, limited_blas, wait_asleep

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
    """The engine that runs tasks.

    Attributes:
        name: ``local`` or ``ray``.
        threads: The number of threads of each task, and of its CPUs on Ray.
        gpus: The number of GPUs of each task on Ray.
    """

    name: str = LOCAL
    threads: int = 1
    gpus: int = 0

    @classmethod
    def of(cls, name: str, threads: int | None, device: str = "cpu") -> Engine:
        """Return the engine of a name of `ENGINES`.

        Args:
            name: The name.
            threads: The number of threads of each task; None for 1 on Ray, where tasks share the
                cores, and else for the choice of `choose_threads`.
            device: The device; on Ray, tasks on ``cuda`` have one GPU each.

        Raises:
            SettingsError: There is no such engine, or `threads` is not valid.
            MissingExtraError: Ray is not installed.
            WordgateError: The cluster of RAY_ADDRESS cannot be reached.
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
    """Call a function on every item, and yield the results.

    On Ray, a task whose worker dies is retried, on another worker if necessary. An error of a task
    is raised here, and cancels the others.

    Args:
        work: A function that Ray's workers can import.
        shared: Its first argument, the same for all items, which is sent once.
        items: Its second arguments.
        engine: The engine.

    Yields:
        Each item with its result; in their order if local, else in the order of completion.

    Raises:
        SettingsError: No node of the cluster has the CPUs or GPUs that a task needs.
        WordgateError: The cluster cannot be reached, or workers died repeatedly.
    """
    with Tasks(work, shared, engine) as tasks:
        waiting = iter(items)
        most = 1 if engine.is_local else max(_FEWEST_IN_FLIGHT, _IN_FLIGHT_A_CPU * tasks.room())
        while True:
            for item in islice(waiting, most - len(tasks)):
                tasks.start(item)
            done = tasks.wait()
            if done is None:
                return
            item, result = done
            yield item, result()


class Tasks(Generic[Shared, Item, Result]):
    """Calls of a function on an engine; a context that cancels unfinished calls at its end.

    In this process, a function is called when its result is requested. Function, first argument,
    retries and errors are as for `map_tasks`.

    Args:
        work: The function.
        shared: Its first argument.
        engine: The engine.
        together: The number of tasks that must run at the same time: on Ray, they start when there
            is room for all, and are not retried.

    Raises:
        SettingsError: The cluster is too small for a task, or for `together` tasks.
        WordgateError: The cluster cannot be reached.
    """

    def __init__(
        self,
        work: Callable[[Shared, Item], Result],
        shared: Shared,
        engine: Engine,
        together: int = 0,
    ):
        self._work, self._shared, self._engine = work, shared, engine
        self._running: dict[Any, Item] = {}
        self._retries = 0 if together else _RETRIES
        self._place: Any = None
        if not engine.is_local:
            self._ray = _connected(engine)
            self._sent = [self._ray.put(shared)]  # Ray does not resolve references in a list
            options: dict[str, Any] = {"num_cpus": engine.threads, "num_gpus": engine.gpus}
            if together:
                self._place = _reserved(self._ray, engine, together)
                from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

                options["scheduling_strategy"] = PlacementGroupSchedulingStrategy(self._place)
            self._task = self._ray.remote(max_retries=self._retries, **options)(_call)

    def __enter__(self) -> Tasks[Shared, Item, Result]:
        return self

    def __exit__(self, *_: object) -> None:
        for item in [*self._running.values()]:
            self.cancel(item)
        if self._place is not None:
            self._ray.util.remove_placement_group(self._place)

    def __len__(self) -> int:
        """The number of started tasks whose results were not returned yet."""
        return len(self._running)

    def room(self) -> int:
        """Return the number of tasks that the engine can run at the same time now."""
        return 1 if self._engine.is_local else max(1, _room(self._ray, self._engine))

    def start(self, item: Item) -> None:
        """Call the function on an item."""
        if self._engine.is_local:
            self._running[object()] = item
            return
        task = self._task.remote(self._work, self._sent, item, self._engine.threads, os.getcwd())
        self._running[task] = item

    def wait(self, timeout: float | None = None) -> tuple[Item, Callable[[], Result]] | None:
        """Wait until a task has ended, on Ray for at most `timeout` seconds; None for no limit.

        Returns:
            The item, and a function that returns the result or raises the error of the task; None
            if no task has ended.
        """
        if not self._running:
            return None
        if self._engine.is_local:
            item = self._running.pop(next(iter(self._running)))
            return item, partial(self._work, self._shared, item)
        done, _ = self._ray.wait(
            list(self._running), timeout=None if timeout is None else max(0.0, timeout)
        )
        return (self._running.pop(done[0]), partial(self._result, done[0])) if done else None

    def cancel(self, item: Item) -> None:
        """Cancel the task of an item."""
        for task in [task for task, one in self._running.items() if one is item]:
            del self._running[task]
            if not self._engine.is_local:
                self._ray.cancel(task, force=True)

    def _result(self, task: Any) -> Result:
        """Return the result of a task, or raise its error."""
        errors = self._ray.exceptions
        try:
            result: Result = self._ray.get(task)
        except errors.RayTaskError as error:
            if isinstance(error.cause, Exception):
                raise error.cause from error
            raise
        except errors.RayError as error:
            times = f" {self._retries + 1} times" if self._retries else ""
            raise WordgateError(
                f"a task failed{times} because its worker died, for example from lack of memory:"
                f" {_first_line(error)}"
            ) from error
        return result


def _call(
    work: Callable[[Shared, Item], Result], sent: list[Any], item: Item, threads: int, place: str
) -> Result:
    """Run a task on a worker, in the working directory of the calling process if it exists."""
    wait_asleep()
    os.environ[THREADS_VARIABLE] = str(threads)  # a worker may have the caller's variables
    if os.path.isdir(place):
        os.chdir(place)
    try:
        with limited_blas(threads):
            return work(_fetched(sent[0]), item)
    except WordgateError as error:
        kinds = (DataError, SettingsError, BundleError, WordgateError)
        kind = next(kind for kind in kinds if isinstance(error, kind))
        raise kind(str(error)) from None  # errors of subclasses may not be serializable


@lru_cache(maxsize=1)
def _fetched(sent: Any) -> Any:
    """Return the argument that all tasks share, which a worker deserializes once."""
    import ray

    return ray.get(sent)


def _connected(engine: Engine) -> Any:
    """Return Ray, connected to the cluster."""
    import ray

    if not ray.is_initialized():
        _connect(ray)
    if not _room(ray, engine):
        raise SettingsError(
            f"no node of the Ray cluster has the {_format_needed(engine)} that a task needs:"
            " reduce --threads" + (", or --device cpu" if engine.gpus else "")
        )
    return ray


def _needed(engine: Engine) -> dict[str, int]:
    """Return the resources of a task, by Ray's names."""
    return {kind: n for kind, n in (("CPU", engine.threads), ("GPU", engine.gpus)) if n}


def _format_needed(engine: Engine) -> str:
    return " and ".join(counted(n, kind) for kind, n in _needed(engine).items())


def _room(ray: Any, engine: Engine) -> int:
    """Return the number of tasks that the nodes of the cluster can run at the same time."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    needed = _needed(engine).items()
    return sum(min(int(node.get(kind, 0)) // n for kind, n in needed) for node in nodes)


def _reserved(ray: Any, engine: Engine, count: int) -> Any:
    """Wait until there is room for `count` tasks at the same time, and reserve it."""
    room = _room(ray, engine)
    if room < count:
        raise SettingsError(
            f"the Ray cluster has room for {room} of {count} tasks with {_format_needed(engine)}"
            " each, which must run at the same time: reduce --workers or --threads"
        )
    place = ray.util.placement_group([_needed(engine)] * count)
    try:
        ray.get(place.ready())
    except BaseException:
        ray.util.remove_placement_group(place)
        raise
    return place


def node_address() -> str:
    """Return the address at which tasks on Ray can reach this process."""
    import ray

    return str(ray.util.get_node_ip_address())


def _address() -> str:
    """Return the address of the cluster; empty to start one on this machine."""
    return os.environ.get(ADDRESS, "").strip()


def _check_reachable(address: str) -> None:
    """Refuse an address that cannot be reached: Ray would try for minutes."""
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
    _messages_to_stderr()
    with _own_sigterm():
        try:
            ray.init(**options)
        except (ConnectionError, OSError, RuntimeError, ValueError) as error:
            raise _unreachable(address, error) from error


def _messages_to_stderr() -> None:
    """Make Ray write messages of workers to standard error: results are on standard output.

    Ray has no option for this; versions without this function are not changed.
    """
    from ray._private import worker

    write = getattr(worker, "print_to_stdstream", None)
    if write is None or hasattr(write, "__wrapped__"):
        return

    @wraps(write)
    def to_stderr(data: dict[str, Any], *args: Any, **options: Any) -> None:
        write({**data, "is_err": True}, *args, **options)

    worker.print_to_stdstream = to_stderr


@contextmanager
def _own_sigterm() -> Iterator[None]:
    """Restore the handler of SIGTERM, which Ray replaces."""
    handler = signal.getsignal(signal.SIGTERM)
    in_main_thread = threading.current_thread() is threading.main_thread()
    try:
        yield
    finally:
        if in_main_thread and handler is not None:  # None: not set by Python
            signal.signal(signal.SIGTERM, handler)


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(". ") if lines else type(error).__name__
