"""One layer of a Keras model as its `config.json` describes it, and whether we compute the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wordgate.errors import BundleError, shown

DROPOUTS = ("Dropout", "SpatialDropout1D")
CHAIN = ("Embedding", "LSTM", "Dense")
READ = f"only {', '.join(('InputLayer', *CHAIN, *DROPOUTS))} can be imported"
POLICIES = ("float32", "mixed_float16", "mixed_bfloat16")
LARGEST = 2**31 - 1
"""The largest size of anything: ids are int32."""

# The values that our network computes with, by class and field. A field that isn't there has them.
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
_NEEDED = {"Embedding": ("mask_zero",), "Dense": ("activation",)}
# Fields that change nothing in prediction, or that are read elsewhere. All others must be off.
_HARMLESS = {
    "name", "trainable", "dtype", "seed", "batch_shape", "optional", "batch_input_shape",
    "input_dim", "output_dim", "input_length", "units", "use_bias", "unit_forget_bias",
    "stateful", "unroll", "implementation", "use_cudnn", "rate", "noise_shape", "dropout",
    "recurrent_dropout",
}  # fmt: skip
_TRAINING_ONLY = ("_initializer", "_regularizer", "_constraint")


@dataclass(frozen=True)
class Layer:
    """One layer as it is described.

    Attributes:
        kind: Its class.
        name: What the user or Keras called it.
        config: Its fields.
        nodes: How it is called, in a Functional model.
    """

    kind: str
    name: str
    config: Mapping[str, Any]
    nodes: Sequence[Any]

    def __str__(self) -> str:
        """Name it in a message."""
        return f"layer '{shown(self.name, 60)}' ({self.kind})"

    def size(self, field: str) -> int:
        """Give a field that is a size."""
        value = self.config.get(field)
        if type(value) is not int or not 1 <= value <= LARGEST:
            raise BundleError(
                f"{self} has {field}={brief(value)}; it must be a whole number from 1 to"
                f" {LARGEST:,}"
            )
        return value

    def flag(self, field: str) -> bool:
        """Give a field that is on or off; on where it isn't there."""
        value = self.config.get(field, True)
        if type(value) is not bool:
            raise BundleError(f"{self} has {field}={brief(value)}; it must be True or False")
        return value


def brief(value: object) -> str:
    """Write a value for a message, shortened to one line."""
    return shown(repr(value), 60)


def read_layer(entry: Any, number: int) -> Layer:
    """Read one layer's description, and refuse what can't be computed here."""
    name = _name(entry, number)
    where = f"layer '{shown(name, 60)}'"
    kind, config = own_class(entry, where), fields_of(entry, where)
    nodes = entry.get("inbound_nodes")
    layer = Layer(kind, name, config, nodes if isinstance(nodes, list) else [])
    if kind not in _FIXED:
        raise BundleError(f"{layer} is of a class that can't be imported; {READ}")
    _check_fields(layer)
    return layer


def _name(entry: Any, number: int) -> str:
    """Give the name of a layer, or its number where it has none."""
    match entry:
        case {"config": {"name": str(name)}}:
            return name
    return str(number)


def own_class(entry: Any, where: str) -> str:
    """Give the class that an entry names, and refuse classes that are not Keras' own."""
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
    return shown(kind, 60)


def fields_of(entry: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    """Give the fields of a layer or model."""
    config = entry.get("config")
    if not isinstance(config, dict):
        raise BundleError(f"{where} has no config")
    return config


def _check_fields(layer: Layer) -> None:
    """Refuse values that our network doesn't compute with, and fields nobody here knows."""
    fixed = _FIXED[layer.kind]
    for field in _NEEDED.get(layer.kind, ()):
        if field not in layer.config:
            raise BundleError(f"{layer} has no field '{field}'")
    for field, value in layer.config.items():
        if field in fixed:
            if value not in fixed[field]:
                raise BundleError(
                    f"{layer} has {field}={brief(value)}; only {field}={fixed[field][0]!r} can be"
                    " imported"
                )
        elif value and field not in _HARMLESS and not field.endswith(_TRAINING_ONLY):
            raise BundleError(
                f"{layer} has {shown(field, 60)}={brief(value)}, which can't be imported"
            )


def policy_of(layer: Layer) -> str:
    """Give a layer's dtype policy, and refuse those whose weights are not float32."""
    found = layer.config.get("dtype", "float32")
    name = found
    if isinstance(found, dict):
        fields = found.get("config")
        own = found.get("class_name") == "DTypePolicy" and isinstance(fields, dict)
        name = fields.get("name") if own and isinstance(fields, dict) else found.get("class_name")
    if name not in POLICIES:
        raise BundleError(
            f"{layer} has the dtype policy {brief(name)};"
            f" only {', '.join(POLICIES)} can be imported"
        )
    return str(name)
