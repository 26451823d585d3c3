"""Fitting a model of any family, by the family's name."""

import importlib
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import ModuleType

from wordgate.errors import SettingsError, did_you_mean
from wordgate.families import FAMILIES, imported
from wordgate.runtime.cpu import single_thread_environment, torch_threads, wait_asleep
from wordgate.runtime.packages import require_extra
from wordgate.runtime.progress import Progress, Silent, stage
from wordgate.settings import Settings
from wordgate.training.fitting import FitData, Fitted, RunContext
from wordgate.training.weights import check_weights


def fit(family: str, data: FitData, settings: Settings, context: RunContext) -> Fitted:
    """Fit a model of a family, one of `FAMILIES`.

    Of these `logreg` and `mlp` need word vectors; `count` and `transformer` read none.

    Raises:
        DataError: There are no texts to fit on, their weights can't be used, or the file of word
            vectors can't.
        SettingsError: The family or the device doesn't exist, the family needs word vectors,
            `class_weight` names an unknown label, or that is no number of threads.
        MissingExtraError: The family trains with torch, and torch is not installed.
        BundleError: The checkpoint can't be written, or the one to resume from can't be used.
        KeyboardInterrupt: The training was interrupted, and is kept.
    """
    check_family(family)
    check_weights(data, settings)
    known = FAMILIES[family]
    if known.vectors == "required" and data.vectors is None:
        raise SettingsError(f"{family} averages word vectors, and there are none")
    threads: AbstractContextManager[object] = nullcontext()
    if known.uses_torch:
        torch = load_torch(context.progress)
        if not known.cpu_alone:
            threads = torch_threads(torch, context.threads)
    with threads:
        fitted: Fitted = imported(known.fit)(data, settings, context)
    return fitted


def load_torch(progress: Progress) -> ModuleType:
    """Import torch, and say so the first time, which takes seconds."""
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
    require_extra("train", needed.fitting, *needed.packages)
    if needed.extra is not None:
        require_extra(needed.extra, needed.fitting)


def check_pretrained(
    family: str, settings: Settings, progress: Progress | None = None
) -> Path | None:
    """Find, and fetch if need be, the network that a family begins with, before any work is done.

    Returns:
        Its folder; None for a family that begins with none.

    Raises:
        DataError: There is none, or it can't be fetched.
    """
    pretrained = FAMILIES[family].pretrained
    if pretrained is None:
        return None
    load_torch(progress or Silent())
    folder: Path = imported(pretrained)(settings)
    return folder


def engine_of(family: str, settings: Settings, context: RunContext) -> dict[str, str]:
    """Name what `fit` would compute with, as `Fitted` does of what it has."""
    known = FAMILIES[family]
    if known.engine is None:
        return single_thread_environment(*known.packages[:1])
    torch = load_torch(context.progress)
    from wordgate.training.device import choose_device

    with torch_threads(torch, context.threads):
        engine: dict[str, str] = imported(known.engine)(settings, choose_device(context.device))
    return engine


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
