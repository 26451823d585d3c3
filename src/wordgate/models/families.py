"""The families by name, to build a kept model again."""

from collections.abc import Mapping

from wordgate.errors import BundleError, did_you_mean
from wordgate.models.count import CountModel
from wordgate.models.lstm import LSTMModel
from wordgate.models.protocol import Arrays, Description, Model
from wordgate.models.transformer import TransformerModel

_FAMILIES: dict[str, type[LSTMModel] | type[CountModel] | type[TransformerModel]] = {
    "lstm": LSTMModel,
    "count": CountModel,
    "transformer": TransformerModel,  # imports torch with its first model, not before
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
    return _FAMILIES[family].from_state(dict(description), dict(arrays))
