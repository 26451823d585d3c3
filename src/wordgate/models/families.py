"""Saved models of any family, built again from their state."""

from collections.abc import Mapping

from wordgate.errors import BundleError, did_you_mean
from wordgate.families import FAMILIES, imported
from wordgate.models.base import Arrays, Description, Model


def model_from_state(family: str, description: Description, arrays: Arrays) -> Model:
    """Build a model from what its `state` gave.

    Raises:
        BundleError: The family is unknown, or the state is incomplete or doesn't fit together.
    """
    if family not in FAMILIES:
        raise BundleError(f"no family of models '{family}'{did_you_mean(family, FAMILIES)}")
    if not isinstance(description, Mapping):
        found = f"a {type(description).__name__}"
        raise BundleError(f"the model's description is {found}, not an object of named parts")
    model: Model = imported(FAMILIES[family].load)(dict(description), dict(arrays))
    return model
