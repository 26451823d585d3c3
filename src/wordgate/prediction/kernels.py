"""Kernels by name: the implementation that computes a model."""

from wordgate.bundle.config import Config
from wordgate.errors import SettingsError
from wordgate.families import imported
from wordgate.models.base import Model
from wordgate.models.lstm import with_kernel
from wordgate.models.lstm_forward import TRANSFORMER_KERNELS, check_kernel
from wordgate.models.transformer import TransformerModel


def computed_by(kernel: str, model: Model, config: Config) -> Model:
    """Let a kernel, of `KERNELS` or `TRANSFORMER_KERNELS`, compute a model.

    Raises:
        SettingsError: There is no such kernel, it can't compute this model, it is too inaccurate
            for it, or the processor lacks what it needs.
        MissingExtraError: It needs numba or ONNX Runtime, which is not installed.
    """
    check_kernel(kernel)
    if kernel not in TRANSFORMER_KERNELS:
        return with_kernel(model, kernel)
    if not isinstance(model, TransformerModel):
        raise SettingsError(
            f"kernel '{kernel}' is for transformer models, and this is a {model.family} model"
        )
    if kernel == "torch-bfloat16":
        return model.in_bfloat16()
    by_onnx: Model = imported("export.onnx_kernel:computed_in_int8")(model, config)
    return by_onnx
