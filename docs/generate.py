"""Write the pages that are made from the code: `python docs/generate.py`."""

import json
from pathlib import Path

from wordgate.bundle.metrics import metrics_schema
from wordgate.families import FAMILIES
from wordgate.settings import format_setting, load_settings, setting_fields

DOCS = Path(__file__).parent
RECIPES = ("default", "taught", "notebook-fast", "notebook")

HEAD = """\
# Settings

A recipe is a set of settings. Change single ones with `--set NAME=VALUE`, such as
`--set lstm.hidden_size=64`, or with `settings={"NAME": VALUE}` in Python. A recipe of your own is a
`.toml` file, `--recipe mine.toml`, with the settings that differ from `default`, or from the recipe
that it extends:

```toml
extends = "taught"

[lstm]
hidden_size = 64
```

`wordgate recipe list` names the recipes, and `wordgate recipe show taught > mine.toml` prints every
setting of one as such a file, to begin with.

A setting that the chosen family does not read, or that other settings leave without effect, is an
error. A value that you set is used as it is; only a default may adapt to the size of the data, as
described.

"""


def settings_page() -> str:
    """Lay out the settings in Markdown: a table for each section, and how the recipes differ."""
    recipes = {name: load_settings(name).flat() for name in RECIPES}
    sections: dict[str, list[str]] = {}
    for name, field in setting_fields().items():
        row = f"| `{name}` | {format_setting(recipes['default'][name])} | {field.description} |"
        sections.setdefault(name.rpartition(".")[0], []).append(row)
    parts = [HEAD + "## General settings"]
    for section, rows in sections.items():
        if section:
            parts.append(f"\n## {section}\n\nRead by: {_readers(section)}.")
        parts += ["", "| setting | default | meaning |", "|---|---|---|", *rows]
    parts.append(DIFFERENCES)
    others = RECIPES[1:]
    parts += [f"| setting | {' | '.join(f'`{name}`' for name in RECIPES)} |", "|---" * 5 + "|"]
    for name, value in recipes["default"].items():
        if any(recipes[other][name] != value for other in others):
            values = " | ".join(format_setting(recipes[recipe][name]) for recipe in RECIPES)
            parts.append(f"| `{name}` | {values} |")
    return "\n".join(parts) + "\n"


DIFFERENCES = """
## The recipes

`default` is for your own data, `taught` for the student of a teacher; `notebook` and
`notebook-fast` repeat the tutorial's network. Settings in which they differ:
"""


def _readers(section: str) -> str:
    """Name the families that read a section's settings."""
    names = [name for name in setting_fields() if name.startswith(f"{section}.")]
    readers = [family for family in FAMILIES.values() if any(map(family.reads, names))]
    return ", ".join(f"`{family.name}`" for family in readers)


def pages() -> dict[Path, str]:
    """Give every page that is made from the code, by its file."""
    return {
        DOCS / "settings.md": settings_page(),
        DOCS / "metrics.schema.json": json.dumps(metrics_schema(), indent=2) + "\n",
    }


if __name__ == "__main__":
    for file, text in pages().items():
        file.write_text(text, encoding="utf-8")
