"""Fitting a model of any family, by the family's name."""

import importlib
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from socket import socket
from types import ModuleType

from wordgate.arguments import whole_number
from wordgate.errors import SettingsError, did_you_mean
from wordgate.families import FAMILIES, Family, imported
from wordgate.runtime.cpu import single_thread_environment
from wordgate.runtime.engine import Engine
from wordgate.runtime.packages import require_extra
from wordgate.runtime.processes import ProcessStartError, can_start_processes
from wordgate.runtime.progress import Progress, Silent, stage
from wordgate.runtime.threads import choose_torch_threads, torch_threads, wait_asleep
from wordgate.settings import Settings
from wordgate.training.fitting import FitData, Fitted, RunContext
from wordgate.training.processes import choose_processes, start_workers
from wordgate.training.restarts import fit_with_restarts
from wordgate.training.torchrun import current_group
from wordgate.training.weights import check_weights

_ON_GPUS = "on GPUs, processes are started by torchrun"


def fit(family: str, data: FitData, settings: Settings, context: RunContext) -> Fitted:
    """Fit a model of a family, one of `FAMILIES`.

    `logreg` and `mlp` need word vectors; `count` and `transformer` use none.

    Raises:
        DataError: There are no texts to fit on, their weights can't be used, or the file of word
            vectors can't.
        SettingsError: The family or the device doesn't exist, the family needs word vectors,
            `class_weight` names an unknown label, or that is no number of threads.
        MissingExtraError: The family trains with torch, and torch is not installed.
        BundleError: The checkpoint can't be written, or the one to resume from can't be used.
        KeyboardInterrupt: The training was interrupted, after a checkpoint.
    """
    check_family(family)
    check_weights(data, settings)
    known = FAMILIES[family]
    if known.vectors == "required" and data.vectors is None:
        raise SettingsError(f"{family} averages word vectors, and there are none")

    def fit_once(context: RunContext) -> Fitted:
        with _prepared(known, len(data.train), settings, context) as prepared:
            fitted: Fitted = imported(known.fit)(data, settings, prepared)
        return fitted

    return fit_with_restarts(fit_once, context)


@contextmanager
def _prepared(
    family: Family, n_texts: int, settings: Settings, context: RunContext
) -> Iterator[RunContext]:
    """Import torch if needed, set its threads, and start other processes if that saves time."""
    if not family.uses_torch:
        yield context
    elif not context.engine.is_local:
        with _on_a_cluster(context) as prepared:
            yield prepared
    elif family.cpu_alone:
        load_torch(context.progress)
        yield replace(context, group=current_group())
    else:
        with _on_this_machine(family, n_texts, settings, context) as prepared:
            yield prepared


@contextmanager
def _on_a_cluster(context: RunContext) -> Iterator[RunContext]:
    torch = load_torch(context.progress)
    from wordgate.training.ray_group import ray_group

    engine, count = context.engine, context.processes or 1
    with torch_threads(torch, engine.threads), ray_group(count, engine, context.progress) as group:
        yield replace(context, device="cpu", threads=engine.threads, group=group)


@contextmanager
def _on_this_machine(
    family: Family, n_texts: int, settings: Settings, context: RunContext
) -> Iterator[RunContext]:
    threads, count = choose_torch_threads(context.threads), context.processes or 1
    if context.processes is None and family.name == "lstm" and current_group() is None:
        count = choose_processes(settings, n_texts, threads)
    with ExitStack() as stack:
        sockets: list[socket] = []
        if count > 1 and context.device in ("auto", "cpu"):
            sockets = _workers(stack, count - 1, max(1, threads // count), context)
        torch = load_torch(context.progress)
        if not sockets:
            stack.enter_context(torch_threads(torch, context.threads))
            yield replace(context, group=current_group())
            return
        from wordgate.training.local_group import LocalGroup

        stack.enter_context(torch_threads(torch, max(1, threads // count)))
        group = LocalGroup(0, count, sockets)
        if context.processes is None and settings.lstm.lighter_candidate:
            yield replace(context, worker=group)
        else:
            yield replace(context, group=group)


def _workers(stack: ExitStack, count: int, threads: int, context: RunContext) -> list[socket]:
    """Start worker processes that end with the stack, unless a GPU is chosen.

    If they can't be started, that is reported and there are none, unless the user set their number.

    Raises:
        SettingsError: The user set their number, and `auto` chooses a GPU.
        ProcessStartError: The user set their number, and they can't be started.
    """
    with ExitStack() as starting:
        try:
            workers = starting.enter_context(start_workers(count, threads))
            load_torch(context.progress)  # at the same time as they do
            workers.check()
        except ProcessStartError as error:
            if context.processes is not None:
                raise
            context.progress.say(f"Training in one process: {error}.")
            return []
        from wordgate.training.device import choose_device

        if choose_device(context.device).type == "cpu":
            stack.push(starting.pop_all())
            return workers.sockets
        for process in workers.started:
            process.kill()  # it may be importing torch for seconds
        if context.processes is not None:
            raise SettingsError(_no_effect(context.processes, _ON_GPUS))
    return []


def load_torch(progress: Progress) -> ModuleType:
    """Import torch; the first time, which takes seconds, is a stage of the progress."""
    wait_asleep()
    if "torch" not in sys.modules:
        with stage(progress, "Loading torch"):
            importlib.import_module("torch")
    return sys.modules["torch"]


def check_family(family: str) -> None:
    """Refuse an unknown family before any work is done.

    Raises:
        SettingsError: There is no such family.
        MissingExtraError: A package that it is fitted with is not installed.
    """
    if family not in FAMILIES:
        raise SettingsError(f"no family of models '{family}'{did_you_mean(family, FAMILIES)}")
    needed = FAMILIES[family]
    if needed.extra is not None:  # first: it brings the extra 'train' with it
        require_extra(needed.extra, needed.fitting)
    require_extra("train", needed.fitting, *needed.packages)


def check_pretrained(
    family: str, settings: Settings, progress: Progress | None = None
) -> Path | None:
    """Find or download the pretrained network of a family, before any work is done.

    Returns:
        Its folder; None for a family without one.

    Raises:
        DataError: There is none, or it can't be downloaded.
    """
    pretrained = FAMILIES[family].pretrained
    if pretrained is None:
        return None
    load_torch(progress or Silent())
    folder: Path = imported(pretrained)(settings)
    return folder


def engine_of(family: str, settings: Settings, context: RunContext) -> dict[str, str]:
    """List the environment in which `fit` would compute, as in `Fitted.engine`."""
    known = FAMILIES[family]
    if known.engine is None:
        return single_thread_environment(*known.packages[:1])
    torch = load_torch(context.progress)
    from wordgate.training.device import choose_device

    with torch_threads(torch, context.threads):
        engine: dict[str, str] = imported(known.engine)(settings, choose_device(context.device))
    return engine


def check_workers(family: str, workers: int | None, device: str, engine: Engine) -> None:
    """Refuse a number of processes that can't be started on an engine, or has no effect.

    Raises:
        SettingsError: It is no such number.
    """
    if workers is None:
        return
    if whole_number(workers, "workers", "a whole number of at least 1") == 1:
        return
    why = None
    if not FAMILIES[family].uses_torch or (engine.is_local and family != "lstm"):
        why = f"{family} models are trained in one process"
    elif device not in ("auto", "cpu"):
        why = _ON_GPUS
    elif current_group() is not None:
        why = "torchrun has started the processes already"
    elif engine.is_local and not can_start_processes():
        why = "processes that share memory can't be started on this system"
    if why is not None:
        raise SettingsError(_no_effect(workers, why))


def _no_effect(workers: int, why: str) -> str:
    return f"--workers {workers} has no effect: {why}"


def check_device(family: str, device: str, progress: Progress | None = None) -> None:
    """Refuse a device that doesn't exist, or has no effect, before any work is done.

    Raises:
        SettingsError: There is no such device, or the family computes on the CPU alone.
    """
    if device == "auto":
        return
    if FAMILIES[family].cpu_alone:
        if device != "cpu":
            raise SettingsError(
                f"device '{device}' has no effect: {family} models use only the CPU"
            )
        return
    load_torch(progress or Silent())
    from wordgate.training.device import choose_device

    choose_device(device)
