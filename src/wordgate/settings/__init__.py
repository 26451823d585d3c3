"""Settings of a training, and recipes: named, complete sets of them."""

from wordgate.settings.recipes import (
    LARGEST_SEED,
    checked_seed,
    flat_overrides,
    load_settings,
    parse_assignments,
    recipe_names,
)
from wordgate.settings.schema import (
    LARGEST_EMBEDDING,
    NO_TEACHER,
    LSTMSettings,
    Settings,
    flattened,
    setting_fields,
)

__all__ = [
    "LARGEST_EMBEDDING",
    "LARGEST_SEED",
    "NO_TEACHER",
    "LSTMSettings",
    "Settings",
    "checked_seed",
    "flat_overrides",
    "flattened",
    "load_settings",
    "parse_assignments",
    "recipe_names",
    "setting_fields",
]
