"""Fitting the family `transformer`: from examples to the fine-tuned network of the best epoch."""

import hashlib
import json

from wordgate.models.transformer import TransformerModel
from wordgate.models.transformer_network import TransformerNetwork, preserve_rng_state
from wordgate.runtime.progress import Progress
from wordgate.settings import Settings
from wordgate.storage.resumable import WORDS
from wordgate.text.encoder import EncodedTexts
from wordgate.training.candidates import Candidate, LoopOptions, train_candidates
from wordgate.training.device import choose_device, format_device
from wordgate.training.early_stopping import EarlyStopping
from wordgate.training.fitting import (
    CheckpointConfig,
    EncodedData,
    Examples,
    Fitted,
    check_not_empty,
    run_config,
)
from wordgate.training.pretrained_transformer import pretrained_transformer
from wordgate.training.transformer_trainer import TransformerTrainer
from wordgate.training.vocabulary import ids_digest


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
    checkpoint: CheckpointConfig | None,
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
        checkpoint: Where to keep the training against an interruption; None for nowhere.
        threads: In how many threads to judge the epochs and to predict, as for `choose_threads`;
            torch has its own already.

    Returns:
        The fitted model of the best epoch.

    Raises:
        DataError: There are no texts to fit on, or none to choose the best epoch by; or the
            transformer can't be found, fetched or used.
        SettingsError: The device doesn't exist.
        BundleError: The checkpoint can't be written, or the one to resume from can't be used.
        KeyboardInterrupt: The training was interrupted, and is kept.
    """
    check_not_empty(train, valid, "a transformer", "the best epoch")
    torch_device = choose_device(device)
    encoder, network = pretrained_transformer(
        settings.transformer.model, n_classes, settings.transformer.max_tokens, seed
    )
    encoded, encoded_valid = (
        encoder.encode(part.texts, threads=threads) for part in (train, valid)
    )
    data = EncodedData(encoded, encoded_valid, train)
    config: dict[str, str] = {}
    if checkpoint is not None:
        digests = {
            "pretrained weights": _digest(network),
            WORDS: ids_digest(encoded, encoded_valid),
        }
        config = run_config("transformer", [train, valid], n_classes, settings, seed, digests)

    def start(_: int) -> Candidate[TransformerNetwork]:
        trainer = TransformerTrainer(network, data, settings, seed, torch_device, threads)
        stopping = EarlyStopping(
            patience=settings.transformer.patience,
            warm_epochs=settings.transformer.warmup * trainer.plan.epochs,
        )
        return Candidate(trainer, stopping, _announcement(trainer, settings))

    options = LoopOptions(valid.targets, progress, deadline, checkpoint, config)
    with preserve_rng_state():
        trained = train_candidates(["the transformer"], start, options)
    (best,) = trained.candidates
    return Fitted(
        TransformerModel(encoder, best.network.to_cpu(), threads),
        best.history,
        best.best_epoch,
        [*_truncation(encoded, encoder.max_tokens), *trained.remarks],
        trained.earlier_seconds,
        trained.engine,
    )


def _digest(network: TransformerNetwork) -> str:
    """Give a SHA-256 that another encoder would change; the last layer is drawn by the seed."""
    description = json.dumps([network.config, network.pad_id], sort_keys=True)
    content = hashlib.sha256(description.encode())
    for name, array in sorted(network.arrays().items()):
        if name.startswith("encoder."):
            content.update(name.encode() + array.tobytes())
    return content.hexdigest()


def _truncation(encoded: EncodedTexts, max_tokens: int) -> list[str]:
    if not encoded.n_truncated:
        return []
    return [
        f"{encoded.n_truncated:,} of {len(encoded):,} training texts are longer than"
        f" {max_tokens} of the transformer's tokens and lost their end."
    ]


def _announcement(trainer: TransformerTrainer, settings: Settings) -> str:
    precision = str(trainer.precision).removeprefix("torch.")
    return (
        f"Fine-tuning {settings.transformer.model} on {format_device(trainer.device)}, {precision}:"
        f" {trainer.n_weights / 1e6:.1f} million weights, {trainer.plan.sentence()}"
    )
