"""Fitting a model of any family, by the family's name."""

import importlib.util

from wordgate.errors import MissingExtraError, SettingsError, did_you_mean
from wordgate.models.transformer import check_transformer_extra
from wordgate.progress import Progress
from wordgate.settings import Settings
from wordgate.training.fitting import Examples, Fitted, Keeping
from wordgate.vectors.pretrained import Pretrained

FAMILIES = ("lstm", "count", "transformer")


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
    vectors: Pretrained | None = None,
    keeping: Keeping | None = None,
) -> Fitted:
    """Fit a model of a family.

    Args:
        family: One of `FAMILIES`.
        train: What everything is fitted on.
        valid: What chooses among fits, such as the best epoch.
        n_classes: How many labels there are.
        settings: The recipe's settings.
        seed: Decides all that chance decides.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        progress: Where the way is told.
        deadline: The `time.monotonic()` at which fitting must end; `math.inf` for none.
        vocabulary_of: What the vocabulary is fitted on; None for `train`.
        vectors: The word vectors to begin with; None to draw them. Word counts and transformers
            need none.
        keeping: Where to keep the training against an interruption; None for nowhere. Word counts
            and transformers are fitted in one piece and never kept.

    Returns:
        The fitted model.

    Raises:
        DataError: There are no texts to fit on, or the file of word vectors or the pretrained
            transformer can't be used.
        SettingsError: The family or the device doesn't exist.
        MissingExtraError: The family trains with torch or transformers, and that is not installed.
        BundleError: The checkpoint can't be written, or the one to resume from can't be used.
        KeyboardInterrupt: The training was interrupted, and is kept.
    """
    check_family(family)
    if family == "count":
        from wordgate.training.count import fit_count

        return Fitted(fit_count(train.texts, train.targets, n_classes, seed=seed))
    from wordgate.training import threads

    threads.wait_asleep()
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
        keeping=keeping,
    )


def check_family(family: str) -> None:
    """Refuse an unknown family before any work is done.

    Raises:
        SettingsError: There is no such family.
        MissingExtraError: It trains with torch or transformers, and that is not installed.
    """
    if family not in FAMILIES:
        raise SettingsError(f"no family of models '{family}'{did_you_mean(family, FAMILIES)}")
    if family == "lstm" and importlib.util.find_spec("torch") is None:
        raise MissingExtraError("training an LSTM", "train")
    if family == "transformer":
        check_transformer_extra("fine-tuning a transformer")


def check_device(family: str, device: str) -> None:
    """Refuse a device that doesn't exist, or has no effect, before any work is done.

    Raises:
        SettingsError: There is no such device, or the family computes on the CPU alone.
    """
    if device == "auto":
        return
    if family == "count":
        if device != "cpu":
            raise SettingsError(f"device '{device}' has no effect: word counts use the CPU alone")
        return
    from wordgate.training import threads

    threads.wait_asleep()
    from wordgate.training.device import choose_device

    choose_device(device)
