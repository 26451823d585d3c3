"""The architecture of a Keras model, from its `config.json`; only one chain of layers is supported.

It is (InputLayer), Embedding with mask_zero, LSTM, Dense with softmax, with dropouts in between, as
a Sequential model or a Functional chain. No object is created from the description. Everything that
would change a prediction and is not supported is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wordgate.errors import BundleError
from wordgate.runtime.display import brief, shown

DROPOUTS = ("Dropout", "SpatialDropout1D")
CHAIN = ("Embedding", "LSTM", "Dense")
READ = f"only {', '.join(('InputLayer', *CHAIN, *DROPOUTS))} can be imported"
POLICIES = ("float32", "mixed_float16", "mixed_bfloat16")
LARGEST = 2**31 - 1
"""Maximum of any size, because ids are int32."""

# The supported values by class and field, which are also those of missing fields.
_FIXED: dict[str, dict[str, tuple[Any, ...]]] = {
    "InputLayer": {"sparse": (False, None), "ragged": (False, None)},
    "Embedding": {"mask_zero": (True,)},
    "LSTM": {
        "return_sequences": (False,),
        "return_state": (False,),
        "go_backwards": (False,),
        "time_major": (False,),
        "zero_output_for_mask": (False,),
        "activation": ("tanh",),
        "recurrent_activation": ("sigmoid",),
    },
    "Dense": {"activation": ("softmax",)},
    "Dropout": {},
    "SpatialDropout1D": {},
}
_NEEDED = {"Embedding": "mask_zero", "Dense": "activation"}
# Fields without effect on predictions, or read elsewhere. All others must be off.
_HARMLESS = {
    "name", "trainable", "dtype", "seed", "batch_shape", "optional", "batch_input_shape",
    "input_dim", "output_dim", "input_length", "units", "use_bias", "unit_forget_bias",
    "stateful", "unroll", "implementation", "use_cudnn", "rate", "noise_shape", "dropout",
    "recurrent_dropout",
}  # fmt: skip
_TRAINING_ONLY = ("_initializer", "_regularizer", "_constraint")
MODELS = ("Sequential", "Functional")


@dataclass(frozen=True)
class Layer:
    """The description of a layer."""

    kind: str  # its class
    name: str
    config: Mapping[str, Any]  # its fields
    nodes: Sequence[Any]  # its calls in a Functional model

    def __str__(self) -> str:
        return f"layer '{shown(self.name, 60)}' ({self.kind})"

    def size(self, field: str) -> int:
        """Return a field that is a size."""
        value = self.config.get(field)
        if type(value) is not int or not 1 <= value <= LARGEST:
            raise BundleError(
                f"{self} has {field}={brief(value)}; it must be a whole number from 1 to"
                f" {LARGEST:,}"
            )
        return value

    def flag(self, field: str) -> bool:
        """Return a field that is on or off; on if it is missing."""
        value = self.config.get(field, True)
        if type(value) is not bool:
            raise BundleError(f"{self} has {field}={brief(value)}; it must be True or False")
        return value


def _read_layer(entry: Any, number: int) -> Layer:
    """Read the description of a layer; refuse unsupported ones."""
    match entry:
        case {"config": {"name": str(name)}}:
            pass
        case _:
            name = str(number)
    kind, config = _class_and_fields(entry, f"layer '{shown(name, 60)}'")
    nodes = entry.get("inbound_nodes")
    layer = Layer(kind, name, config, nodes if isinstance(nodes, list) else [])
    if kind not in _FIXED:
        raise BundleError(f"{layer} is of a class that cannot be imported; {READ}")
    _check_fields(layer)
    return layer


def _class_and_fields(entry: Any, where: str) -> tuple[str, Mapping[str, Any]]:
    """Read the class and the fields of a layer or model; refuse custom classes."""
    if not isinstance(entry, dict) or not isinstance(entry.get("class_name"), str):
        raise BundleError(f"{where} has no class_name")
    kind: str = entry["class_name"]
    module, registered = entry.get("module"), entry.get("registered_name")
    own = isinstance(module, str) and (module == "keras" or module.startswith("keras."))
    if not own or registered not in (None, kind):
        name = registered or f"{module}.{kind}"
        raise BundleError(
            f"{where} is of the custom class {shown(str(name), 60)}, whose code is not run; {READ}"
        )
    fields = entry.get("config")
    if not isinstance(fields, dict):
        raise BundleError(f"{where} has no config")
    return shown(kind, 60), fields


def _check_fields(layer: Layer) -> None:
    """Raise a `BundleError` for unsupported values, and unknown fields."""
    fixed = _FIXED[layer.kind]
    needed = _NEEDED.get(layer.kind)
    if needed is not None and needed not in layer.config:
        raise BundleError(f"{layer} has no field '{needed}'")
    for field, value in layer.config.items():
        allowed = fixed.get(field)
        if allowed is not None and value not in allowed:
            raise BundleError(
                f"{layer} has {field}={brief(value)}; only {field}={allowed[0]!r} can be imported"
            )
        is_harmless = field in _HARMLESS or field.endswith(_TRAINING_ONLY)
        if allowed is None and value and not is_harmless:
            raise BundleError(
                f"{layer} has {shown(field, 60)}={brief(value)}, which cannot be imported"
            )


def _policy_of(layer: Layer) -> str:
    """Return a layer's dtype policy; refuse policies whose weights are not float32."""
    match layer.config.get("dtype", "float32"):
        case {"class_name": "DTypePolicy", "config": dict(fields)}:
            name = fields.get("name")
        case dict(found):
            name = found.get("class_name")
        case name:
            pass
    if name not in POLICIES:
        raise BundleError(
            f"{layer} has the dtype policy {brief(name)};"
            f" only {', '.join(POLICIES)} can be imported"
        )
    return str(name)


@dataclass(frozen=True)
class KerasNetwork:
    """The sizes of a sequence of an Embedding, an LSTM and a Dense layer."""

    words: int  # rows of the embedding
    embedding: int  # dimensions of a word vector
    hidden: int  # units of the LSTM
    classes: int  # units of the Dense layer
    output: str  # the Dense layer in messages
    lstm_bias: bool  # whether the LSTM has a bias
    output_bias: bool  # whether the Dense layer has a bias
    length: int | None  # number of tokens of a text, if it is fixed
    policies: frozenset[str]  # the dtype policies of its layers


def parse_config(config: Mapping[str, Any]) -> KerasNetwork:
    """Parse the description of a model, the content of `config.json`.

    Raises:
        BundleError: The model is not supported; the message names the layer and the value.
    """
    kind, fields = _class_and_fields(config, "the model")
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
    return [_read_layer(entry, number) for number, entry in enumerate(described, start=1)]


def _functional(described: Sequence[Any], fields: Mapping[str, Any]) -> list[Layer]:
    """Order the layers of a Functional model, from the output back to the input."""
    masks = list(filter(_is_mask, described))
    others = _sequential([entry for entry in described if not _is_mask(entry)])
    layers = {layer.name: layer for layer in others}
    first, name = (_end(fields, end) for end in ("input_layers", "output_layers"))
    chain: list[Layer] = []
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


def _is_mask(entry: Any) -> bool:
    """Return whether an entry is NotEqual, the operation by which Keras computes a mask."""
    return isinstance(entry, dict) and entry.get("class_name") == "NotEqual"


def _mask_name(entry: Mapping[str, Any], first: str) -> str:
    """Return the name of the operation that computes the mask; refuse any other operation."""
    match entry:
        case {
            "module": "keras.src.ops.numpy",
            "name": str(name),
            "inbound_nodes": [{"args": [tensor, 0]}],
        } if _tensor(tensor) == first:
            return name
    raise BundleError(f"the model computes a NotEqual that is not the mask of an Embedding; {READ}")


def _end(fields: Mapping[str, Any], name: str) -> str:
    """Return the only layer at an end of a Functional model."""
    match fields.get(name):
        case [str(layer), 0, 0] | [[str(layer), 0, 0]]:
            return layer
        case other:
            raise BundleError(f"the model has the {name} {brief(other)}; there must be one")


def _source(layer: Layer, masks: set[str]) -> str:
    """Return the name of the input layer of a layer; refuse other forms of calls."""
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
                " which cannot be imported"
            )
    return source


def _tensor(value: Any) -> str | None:
    """Return the name of the layer with this output."""
    match value:
        case {
            "class_name": "__keras_tensor__",
            "config": {"keras_history": [str(name), 0, 0]},
        }:
            return name
    return None


def _network(chain: Sequence[Layer]) -> KerasNetwork:
    """Check the order of the layers, and return their sizes."""
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
        policies=frozenset(_policy_of(layer) for layer in rest),
    )


def _length(layers: Sequence[Layer]) -> int | None:
    """Return the fixed number of tokens of the input or the embedding; None without one."""
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
