"""The families by name: saved models are built again from their state."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

from wordgate.errors import BundleError, SettingsError, did_you_mean
from wordgate.models.average import AverageModel
from wordgate.models.base import Arrays, Description, Model
from wordgate.models.count import CountModel
from wordgate.models.lstm import LSTMModel
from wordgate.models.lstm_forward import NUMPY, check_kernel
from wordgate.models.transformer import TransformerModel

_FAMILIES: dict[str, Callable[[Description, Arrays], Model]] = {
    "count": CountModel.from_state,
    "logreg": partial(AverageModel.from_state, hidden=False),
    "mlp": partial(AverageModel.from_state, hidden=True),
    "lstm": LSTMModel.from_state,
    "transformer": TransformerModel.from_state,  # imports torch with its first model, not before
}


def model_from_state(family: str, description: Description, arrays: Arrays) -> Model:
    """Build a model from what its `state` gave.

    Raises:
        BundleError: The family is unknown, or the state is incomplete or doesn't fit together.
    """
    if family not in _FAMILIES:
        raise BundleError(f"no family of models '{family}'{did_you_mean(family, _FAMILIES)}")
    if not isinstance(description, Mapping):
        found = f"a {type(description).__name__}"
        raise BundleError(f"the model's description is {found}, not an object of named parts")
    return _FAMILIES[family](dict(description), dict(arrays))


def with_threads(model: Model, threads: int | None) -> Model:
    """Let a model predict in so many threads; those of other families have one in any case.

    Args:
        model: Of any family.
        threads: As for `choose_threads`, which checks it when the model predicts.
    """
    if isinstance(model, LSTMModel | TransformerModel):
        return replace(model, threads=threads)
    return model


def with_kernel(model: Model, kernel: str) -> Model:
    """Let a kernel, of `KERNELS`, compute a model.

    Raises:
        SettingsError: There is no such kernel, it can't compute this model, or the processor lacks
            what it needs.
        MissingExtraError: It needs numba, which is not installed.
    """
    check_kernel(kernel)
    if kernel == NUMPY:
        return model
    if not isinstance(model, LSTMModel):
        raise SettingsError(
            f"kernel '{kernel}' computes models of the family 'lstm', and this one is of"
            f" '{model.family}'"
        )
    return replace(model, network=model.network.computed_by(kernel))
