"""Fitting a model of any family, by the family's name."""

from pathlib import Path

from wordgate.errors import SettingsError, did_you_mean
from wordgate.families import FAMILIES
from wordgate.hub import locate_model
from wordgate.runtime.cpu import single_thread_environment, torch_threads, wait_asleep
from wordgate.runtime.packages import require_extra
from wordgate.runtime.progress import Progress
from wordgate.settings import Settings
from wordgate.training.fitting import CheckpointConfig, Examples, Fitted
from wordgate.vectors.pretrained import PretrainedVectors


def fit(
    family: str,
    train: Examples,
    valid: Examples,
    n_classes: int,
    settings: Settings,
    *,
    seed: int,
    device: str,
    progress: Progress,
    deadline: float,
    vocabulary_of: Examples | None = None,
    vectors: PretrainedVectors | None = None,
    checkpoint: CheckpointConfig | None = None,
    threads: int | None = None,
) -> Fitted:
    """Fit a model of a family.

    Args:
        family: One of `FAMILIES`.
        train: What everything is fitted on.
        valid: What chooses among fits, such as the best epoch.
        n_classes: How many labels there are.
        settings: The recipe's settings.
        seed: The random seed.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        progress: Where the way is told.
        deadline: The `time.monotonic()` at which fitting must end; `math.inf` for none.
        vocabulary_of: What the vocabulary is fitted on; None for `train`.
        vectors: The word vectors to begin with; None to draw them. `logreg` and `mlp` need some,
            `count` and `transformer` need none.
        checkpoint: Where to keep the training against an interruption; None for nowhere. Only
            families that can resume are ever kept; the others are fitted in one piece.
        threads: In how many threads `lstm` and `transformer` are fitted and predict; None for what
            `torch_threads` chooses. The others are fitted in one.

    Returns:
        The fitted model.

    Raises:
        DataError: There are no texts to fit on, or the file of word vectors can't be used.
        SettingsError: The family or the device doesn't exist, the family needs word vectors, or
            that is no number of threads.
        MissingExtraError: The family trains with torch, and torch is not installed.
        BundleError: The checkpoint can't be written, or the one to resume from can't be used.
        KeyboardInterrupt: The training was interrupted, and is kept.
    """
    check_family(family)
    if family == "count":
        from wordgate.training.count import fit_tuned_count

        return fit_tuned_count(
            train, valid, n_classes, settings, progress=progress, deadline=deadline
        )
    wait_asleep()
    if FAMILIES[family].vectors == "required":
        from wordgate.training.average import fit_average

        return fit_average(
            family,
            train,
            valid,
            n_classes,
            settings,
            vocabulary_of=vocabulary_of,
            vectors=_needed(family, vectors),
            seed=seed,
            progress=progress,
            deadline=deadline,
            checkpoint=checkpoint,
        )
    import torch

    with torch_threads(torch, threads):
        if family == "transformer":
            from wordgate.training.transformer import fit_transformer

            return fit_transformer(
                train,
                valid,
                n_classes,
                settings,
                seed=seed,
                device=device,
                progress=progress,
                deadline=deadline,
                checkpoint=checkpoint,
                threads=threads,
            )
        from wordgate.training.lstm import fit_lstm

        return fit_lstm(
            train,
            valid,
            n_classes,
            settings,
            vocabulary_of=vocabulary_of,
            vectors=vectors,
            seed=seed,
            device=device,
            progress=progress,
            deadline=deadline,
            checkpoint=checkpoint,
            threads=threads,
        )


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


def check_pretrained(family: str, settings: Settings) -> Path | None:
    """Find, and fetch if need be, the network that a family begins with, before any work is done.

    Returns:
        Its folder; None for a family that begins with none.

    Raises:
        DataError: There is none, or it can't be fetched.
    """
    if family != "transformer":
        return None
    wait_asleep()
    from wordgate.training.pretrained_transformer import TRANSFORMER

    return locate_model(settings.transformer.model, TRANSFORMER)


def engine_of(
    family: str, settings: Settings, device: str, *, threads: int | None = None
) -> dict[str, str]:
    """Name what `fit` would compute with, as `Fitted` does of what it has."""
    if FAMILIES[family].cpu_alone:
        return single_thread_environment("torch" if family == "mlp" else "scipy")
    wait_asleep()
    import torch

    from wordgate.training.device import choose_device, choose_precision, engine

    where = choose_device(device)
    with torch_threads(torch, threads):
        if family == "transformer":
            precision = choose_precision(settings.transformer.precision, where)
            return engine(where, precision, "transformers", "tokenizers")
        from wordgate.training.lstm_trainer import precision_of

        return engine(where, precision_of(settings, where))


def _needed(family: str, vectors: PretrainedVectors | None) -> PretrainedVectors:
    if vectors is None:
        raise SettingsError(f"{family} averages word vectors, and there are none")
    return vectors


def check_device(family: str, device: str) -> None:
    """Refuse a device that doesn't exist, or has no effect, before any work is done.

    Raises:
        SettingsError: There is no such device, or the family computes on the CPU alone.
    """
    if device == "auto":
        return
    if FAMILIES[family].cpu_alone:
        if device != "cpu":
            raise SettingsError(
                f"device '{device}' has no effect: models of the family {family} use the CPU alone"
            )
        return
    wait_asleep()
    from wordgate.training.device import choose_device

    choose_device(device)
