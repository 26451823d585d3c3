"""The kernel `onnx-int8`: close to float32, and refused if it is not."""

import numpy as np
import pytest

pytest.importorskip("transformers", reason="needs the extra 'transformer'")
pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")

from wordgate.errors import SettingsError
from wordgate.evaluation.calibration import apply_temperature
from wordgate.export import transformer
from wordgate.models.transformer import TransformerModel
from wordgate.prediction.predictor import apply_kernel
from wordgate.training.pretrained_transformer import pretrained_transformer

TEXTS = [" ".join(f"w{n % 30}" for n in range(size)) for size in range(40)]
KERNEL = "onnx-int8"


@pytest.fixture
def model(tiny_transformer):
    """A transformer whose answers are sure."""
    made = TransformerModel(*pretrained_transformer(str(tiny_transformer), 3, 16, seed=0))
    for weight in made.network.modules.parameters():
        if weight.dim() == 2:
            weight.data *= 15.0
    return made


@pytest.fixture
def transformer_config(config):
    return config("transformer", temperature=1.7)


@pytest.mark.parametrize("threads", [1, 3])
def test_probabilities_are_near_to_those_in_float32(model, transformer_config, threads):
    config = transformer_config
    by_onnx = apply_kernel(KERNEL, model.with_threads(threads), config)
    expected, found = (
        np.exp(apply_temperature(one.log_proba(TEXTS), config.temperature, multilabel=False))
        for one in (model, by_onnx)
    )
    assert 0.0 < np.abs(found - expected).max() < 0.02
    assert np.abs(found.sum(axis=1) - 1.0).max() < 1e-6
    assert by_onnx.log_proba([]).shape == (0, 3)


def test_a_bad_quantization_is_refused(model, transformer_config, monkeypatch):
    whole = transformer.quantize

    def one_sign(rows, highest):
        numbers, scales = whole(rows, highest)
        return np.abs(numbers), scales

    monkeypatch.setattr(transformer, "quantize", one_sign)
    with pytest.raises(SettingsError, match=r"too inaccurate for this model: on random texts, the"):
        apply_kernel(KERNEL, model, transformer_config)


@pytest.mark.parametrize("kernel", [KERNEL, "torch-bfloat16"])
def test_other_families_are_refused(make_lstm, config, kernel):
    message = f"^kernel '{kernel}' is for transformer models, and this is a lstm model$"
    with pytest.raises(SettingsError, match=message):
        apply_kernel(kernel, make_lstm(), config())
