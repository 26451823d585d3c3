"""How a Keras model's layers are joined, by its `config.json`: only one chain is understood.

That is: (InputLayer), Embedding with mask_zero, LSTM, Dense with softmax, and dropouts anywhere
between, as Sequential or as a Functional chain. Nothing is built of the description and no name in
it is looked up; whatever would change a prediction and can't be computed here is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wordgate.errors import BundleError, shown
from wordgate.interchange.keras_layers import (
    CHAIN,
    DROPOUTS,
    LARGEST,
    READ,
    Layer,
    brief,
    fields_of,
    own_class,
    policy_of,
    read_layer,
)

MODELS = ("Sequential", "Functional")


@dataclass(frozen=True)
class KerasNetwork:
    """The sizes of an Embedding, an LSTM and a Dense layer that follow each other.

    Attributes:
        words: Rows of the embedding.
        embedding: Numbers of a word vector.
        hidden: Units of the LSTM.
        classes: Units of the Dense layer.
        output: How messages name the Dense layer.
        lstm_bias: Whether the LSTM has a bias.
        output_bias: Whether the Dense layer has one.
        length: Tokens of each text, if the model's input fixes them.
        policies: The dtype policies of its layers.
    """

    words: int
    embedding: int
    hidden: int
    classes: int
    output: str
    lstm_bias: bool
    output_bias: bool
    length: int | None
    policies: frozenset[str]


def understood(config: Mapping[str, Any]) -> KerasNetwork:
    """Read a model's description.

    Args:
        config: The content of `config.json`.

    Raises:
        BundleError: The model is of another shape; the message names the layer and the value.
    """
    kind, fields = own_class(config, "the model"), fields_of(config, "the model")
    if kind not in MODELS:
        raise BundleError(
            f"the model is a {kind}; only Sequential and Functional models can be imported"
        )
    described = fields.get("layers")
    if not isinstance(described, list) or not described:
        raise BundleError("the model has no layers")
    chain = _functional(described, fields) if kind == "Functional" else _sequential(described)
    return _network(chain)


def _sequential(described: Sequence[Any]) -> list[Layer]:
    return [read_layer(entry, number) for number, entry in enumerate(described, start=1)]


def _functional(described: Sequence[Any], fields: Mapping[str, Any]) -> list[Layer]:
    """Bring a Functional model's layers into their order, from the output back to the input."""
    masks = [entry for entry in described if _is_operation(entry)]
    others = _sequential([entry for entry in described if not _is_operation(entry)])
    layers = {layer.name: layer for layer in others}
    first, last = (_end(fields, name) for name in ("input_layers", "output_layers"))
    chain: list[Layer] = []
    name = last
    while name in layers:
        layer = layers.pop(name)
        chain.insert(0, layer)
        if name == first:
            break
        name = _source(layer, {_mask_name(entry, first) for entry in masks})
    if not chain or len(chain) < len(others) or chain[0].name != first:
        stray = next((layer for layer in others if layer not in chain), "the model")
        raise BundleError(f"{stray} is not part of one chain from the input to the output")
    return chain


def _is_operation(entry: Any) -> bool:
    """Tell whether an entry is the operation by which Keras computes the Embedding's mask."""
    return isinstance(entry, dict) and entry.get("class_name") == "NotEqual"


def _mask_name(entry: Mapping[str, Any], first: str) -> str:
    """Give the name of the operation that tells tokens from padding, and refuse any other."""
    match entry:
        case {
            "module": "keras.src.ops.numpy",
            "name": str(name),
            "inbound_nodes": [{"args": [tensor, 0]}],
        } if _tensor(tensor) == first:
            return name
    raise BundleError(f"the model computes a NotEqual that is no Embedding's mask; {READ}")


def _end(fields: Mapping[str, Any], name: str) -> str:
    """Give the one layer at an end of a Functional model."""
    match fields.get(name):
        case [str(layer), 0, 0] | [[str(layer), 0, 0]]:
            return layer
        case other:
            raise BundleError(f"the model has the {name} {brief(other)}; there must be one")


def _source(layer: Layer, masks: set[str]) -> str:
    """Give the name of the layer that a layer reads, and refuse one that is called otherwise."""
    match layer.nodes:
        case [{"args": [tensor], "kwargs": dict(options)}] if source := _tensor(tensor):
            pass
        case _:
            raise BundleError(f"{layer} must be called once, on the output of one other layer")
    for option, value in options.items():
        if value in (None, False) and option in ("training", "mask", "initial_state"):
            continue
        if option != "mask" or _tensor(value) not in masks:
            raise BundleError(
                f"{layer} is called with {shown(option, 40)}={brief(value)},"
                " which can't be imported"
            )
    return source


def _tensor(value: Any) -> str | None:
    """Give the name of the layer whose only output this is."""
    match value:
        case {
            "class_name": "__keras_tensor__",
            "config": {"keras_history": [str(name), 0, 0]},
        }:
            return name
    return None


def _network(chain: Sequence[Layer]) -> KerasNetwork:
    """See that the layers stand in the order that our network computes, and take their sizes."""
    rest = [layer for layer in chain if layer.kind not in DROPOUTS]
    inputs = [layer for layer in rest[:1] if layer.kind == "InputLayer"]
    rest = rest[len(inputs) :]
    for kind in CHAIN:
        several = [layer for layer in rest if layer.kind == kind]
        if len(several) > 1:
            raise BundleError(f"{several[1]} is the second {kind}; only one can be imported")
    if tuple(layer.kind for layer in rest) != CHAIN or chain[-1] is not rest[-1]:
        kinds = ", ".join(layer.kind for layer in chain)
        raise BundleError(
            f"the model's layers are {shown(kinds, 200)}; they must be Embedding, LSTM and Dense,"
            " in this order, with dropouts between them only"
        )
    embedding, lstm, dense = rest
    return KerasNetwork(
        words=embedding.size("input_dim"),
        embedding=embedding.size("output_dim"),
        hidden=lstm.size("units"),
        classes=dense.size("units"),
        output=str(dense),
        lstm_bias=lstm.flag("use_bias"),
        output_bias=dense.flag("use_bias"),
        length=_length([*inputs, embedding]),
        policies=frozenset(policy_of(layer) for layer in rest),
    )


def _length(layers: Sequence[Layer]) -> int | None:
    """Give the number of tokens that the input or the embedding fixes, if one does."""
    for layer in layers:
        shape = layer.config.get("batch_shape") or layer.config.get("batch_input_shape")
        if shape is None:
            continue
        match shape:
            case [_, None]:
                continue
            case [_, int(length)] if 1 <= length <= LARGEST and type(length) is int:
                return length
        raise BundleError(
            f"{layer} takes an input of the shape {brief(shape)}; it must be [batch, tokens]"
        )
    return None
