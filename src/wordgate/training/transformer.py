"""Fitting the family `transformer`: from examples to the fine-tuned network of the best epoch."""

import torch

from wordgate.models.transformer import TransformerModel
from wordgate.models.transformer_network import TransformerNetwork
from wordgate.runtime.progress import Progress
from wordgate.settings import Settings
from wordgate.text.encoder import EncodedTexts
from wordgate.training.course import Course
from wordgate.training.device import choose_device, engine, format_device
from wordgate.training.finetuning import FineTuning
from wordgate.training.fitting import Examples, Fitted, check_not_empty
from wordgate.training.pretrained_transformer import pretrained_transformer


def fit_transformer(
    train: Examples,
    valid: Examples,
    n_classes: int,
    settings: Settings,
    *,
    seed: int,
    device: str,
    progress: Progress,
    deadline: float,
    threads: int | None,
) -> Fitted:
    """Fine-tune a pretrained transformer and keep its best epoch.

    Args:
        train: What the weights are fitted on.
        valid: What chooses the best epoch, and ends the training early.
        n_classes: How many labels there are.
        settings: The recipe's settings.
        seed: Decides the last layer to begin with, which texts are read, their order, the dropout.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        progress: Where the epochs are told.
        deadline: The `time.monotonic()` at which training must end; `math.inf` for none.
        threads: In how many threads to judge the epochs and to predict, as for `choose_threads`;
            torch has its own already.

    Returns:
        The fitted model of the best epoch.

    Raises:
        DataError: There are no texts to fit on, or none to choose the best epoch by; or the
            transformer can't be found, fetched or used.
        SettingsError: The device doesn't exist.
    """
    check_not_empty(train, valid, "a transformer", "the best epoch")
    torch_device = choose_device(device)
    encoder, network = pretrained_transformer(
        settings.transformer_model, n_classes, settings.transformer_max_tokens, seed
    )
    encoded = encoder.encode(train.texts, threads=threads)
    course: Course[TransformerNetwork] = Course(
        encoder.encode(valid.texts, threads=threads),
        valid.targets,
        patience=settings.transformer_patience,
        ties="loss",
        threads=threads,
    )
    tuning = FineTuning(
        network, encoded, train.targets, train.groups, course, settings, seed, torch_device
    )
    progress.say(_announcement(tuning, settings, torch_device))
    remarks = [*_truncation(encoded, encoder.max_tokens), *tuning.run(progress, deadline)]
    state = tuning.state
    if state.best is None:  # pragma: no cover - the first epoch always is
        raise ValueError("no epoch is over")
    return Fitted(
        TransformerModel(encoder, state.best.on_processor(), threads),
        state.history,
        state.best_epoch,
        remarks,
        engine=engine(torch_device, tuning.precision, "transformers", "tokenizers"),
    )


def _truncation(encoded: EncodedTexts, max_tokens: int) -> list[str]:
    if not encoded.n_truncated:
        return []
    return [
        f"{encoded.n_truncated:,} of {len(encoded):,} training texts are longer than"
        f" {max_tokens} of the transformer's tokens and lost their end."
    ]


def _announcement(tuning: FineTuning, settings: Settings, device: torch.device) -> str:
    precision, plan = str(tuning.precision).removeprefix("torch."), tuning.plan
    n_weights = sum(weight.numel() for weight in tuning.state.working.modules.parameters())
    return (
        f"Fine-tuning {settings.transformer_model} on {format_device(device)}, {precision}:"
        f" {n_weights / 1e6:.1f} million weights, {plan.epochs} epochs of"
        f" {plan.updates_per_epoch:,} updates with {plan.batch_size} texts each."
    )
