"""The kernel `onnx-int8`: a transformer quantized to 8 bits, run by ONNX Runtime."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wordgate.bundle.config import Config
from wordgate.errors import SettingsError
from wordgate.evaluation.calibration import apply_temperature
from wordgate.export.inputs import input_form
from wordgate.export.onnx_file import onnx_bytes
from wordgate.export.parity import Session, agreement_on_made_up
from wordgate.models.transformer import TransformerModel
from wordgate.prediction.decision import DecisionRule
from wordgate.runtime.parallel import parallel_for
from wordgate.text.batches import PaddedBatch, bucketed
from wordgate.text.encoder import EncodedTexts

_BATCH_SIZE = 32  # texts that one thread computes together
_SMALLEST = np.finfo(np.float32).tiny


def computed_in_int8(model: TransformerModel, config: Config) -> TransformerModel:
    """Return the same model, computed by ONNX Runtime in int8; see `load` for errors."""
    # Predictors apply the temperature themselves.
    uncalibrated = config.model_copy(update={"temperature": 1.0})
    content = onnx_bytes(model, uncalibrated, int8=True)
    session = Session(content, threads=1)
    form = input_form(model)

    def log_proba(texts: EncodedTexts) -> NDArray[np.float64]:
        found = np.zeros((len(texts), len(config.labels)), np.float64)

        def predict(batch: PaddedBatch) -> None:
            inputs = form.feed(texts.select(batch.rows))
            found[batch.rows] = np.maximum(session.probabilities(*inputs), _SMALLEST)

        batches = bucketed(texts, batch_size=_BATCH_SIZE, rng=None)
        parallel_for(predict, batches, threads=model.threads)
        return np.asarray(np.log(found))

    def given(proba: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
        log_proba = np.log(np.maximum(proba, _SMALLEST)).astype(np.float64)
        calibrated = apply_temperature(log_proba, config.temperature, multilabel=True)
        return DecisionRule.of(config).reached(np.exp(calibrated))

    agreement = agreement_on_made_up(
        session,
        lambda texts: np.exp(model.log_proba_of(texts)),
        form,
        given=given if config.multilabel else None,
    )
    if excess := agreement.excess():
        raise SettingsError(
            f"kernel 'onnx-int8' is too inaccurate for this model: on random texts, {excess}; use"
            " 'torch-bfloat16' or 'numpy', which means float32"
        )
    return replace(model, compute=log_proba)
