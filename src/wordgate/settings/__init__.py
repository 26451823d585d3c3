"""Settings of a training, and recipes: named, complete sets of them."""

from wordgate.settings.recipes import (
    LARGEST_SEED,
    checked_seed,
    flat_overrides,
    load_settings,
    own_recipe_toml,
    parse_assignments,
    parse_toml,
    read_toml,
    recipe_names,
    recipe_summary,
    recipe_toml,
)
from wordgate.settings.schema import Settings, flattened, format_setting, setting_fields
from wordgate.settings.tables import LARGEST_EMBEDDING, NO_TEACHER, LSTMSettings

__all__ = [
    "LARGEST_EMBEDDING",
    "LARGEST_SEED",
    "NO_TEACHER",
    "LSTMSettings",
    "Settings",
    "checked_seed",
    "flat_overrides",
    "flattened",
    "format_setting",
    "load_settings",
    "own_recipe_toml",
    "parse_assignments",
    "parse_toml",
    "read_toml",
    "recipe_names",
    "recipe_summary",
    "recipe_toml",
    "setting_fields",
]
