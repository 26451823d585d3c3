"""Write the pages that are made from the code: `python docs/generate.py`."""

import json
from pathlib import Path

from wordgate.bundle.metrics import metrics_schema
from wordgate.families import FAMILIES
from wordgate.settings import load_settings, setting_fields

DOCS = Path(__file__).parent
RECIPES = ("default", "taught", "notebook-fast", "notebook")

HEAD = """\
# Settings

Every setting of a training, and its value in each recipe. Single settings are changed with
`--set NAME=VALUE`, such as `--set lstm.hidden_size=64`, or with `settings={"NAME": VALUE}` in
Python. A recipe of your own is a `.toml` file, `--recipe mine.toml`; what comes before the point of
a name is the table that it stands in. It names the settings that are to differ from those of
`default`, or of the recipe that it extends:

```toml
extends = "taught"

[lstm]
hidden_size = 64
```

The families of models that read a setting are named; for others it is refused, as it is where other
settings or options leave it without effect. What you set is taken as it is: only what you don't set
adapts to the size of the data, as described.

"""


def settings_page() -> str:
    """Lay out the settings as a table in Markdown."""
    recipes = [load_settings(name).flat() for name in RECIPES]
    recipe_names = " | ".join(f"`{name}`" for name in RECIPES)
    lines = [f"| setting | {recipe_names} | families | what it does |"]
    lines.append("|---|" + "---|" * len(RECIPES) + "---|---|")
    for name, field in setting_fields().items():
        values = " | ".join(_value(recipe[name]) for recipe in recipes)
        read_by = [family.name for family in FAMILIES.values() if family.reads(name)]
        families = "all" if len(read_by) == len(FAMILIES) else ", ".join(read_by)
        lines.append(f"| `{name}` | {values} | {families} | {field.description} |")
    return HEAD + "\n".join(lines) + "\n"


def pages() -> dict[Path, str]:
    """Give every page that is made from the code, by its file."""
    return {
        DOCS / "settings.md": settings_page(),
        DOCS / "metrics.schema.json": json.dumps(metrics_schema(), indent=2) + "\n",
    }


def _value(value: object) -> str:
    """Write a value as `--set` takes it."""
    if isinstance(value, list):
        return "+".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


if __name__ == "__main__":
    for file, text in pages().items():
        file.write_text(text, encoding="utf-8")
