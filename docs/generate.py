"""Generate pages of the documentation from the code: `python docs/generate.py`."""

import json
from pathlib import Path

from wordgate.bundle.metrics import metrics_schema
from wordgate.families import FAMILIES
from wordgate.settings import format_setting, load_settings, setting_fields

DOCS = Path(__file__).parent
RECIPES = ("default", "taught", "notebook-fast", "notebook")

HEAD = """\
# Settings

This page lists all settings. [Search and tune settings](how-to/tune-settings.md)
describes how to change them, and how to search for the best ones.
A setting that has no effect on the chosen family, or together with other settings, raises an error.
A value that you set is used as is; only defaults adapt to the size of the data, as described.

"""


def settings_page() -> str:
    """Write the settings in Markdown: a table for each section, and a table of the recipes."""
    recipes = {name: load_settings(name).flat() for name in RECIPES}
    sections: dict[str, list[str]] = {}
    for name, field in setting_fields().items():
        row = f"| `{name}` | {format_setting(recipes['default'][name])} | {field.description} |"
        sections.setdefault(name.rpartition(".")[0], []).append(row)
    parts = [HEAD + "## General settings"]
    for section, rows in sections.items():
        if section:
            parts.append(f"\n## {section}\n\nUsed by: {_readers(section)}.")
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

`default` is for your own data, `taught` for an LSTM with a teacher. `notebook` and `notebook-fast`
reproduce the network of a Kaggle notebook. They differ in these settings:
"""


def _readers(section: str) -> str:
    """List the families that read a section of settings."""
    names = [name for name in setting_fields() if name.startswith(f"{section}.")]
    readers = [family for family in FAMILIES.values() if any(map(family.reads, names))]
    return ", ".join(f"`{family.name}`" for family in readers)


def pages() -> dict[Path, str]:
    """Return every generated page by its file."""
    return {
        DOCS / "settings.md": settings_page(),
        DOCS / "metrics.schema.json": json.dumps(metrics_schema(), indent=2) + "\n",
    }


if __name__ == "__main__":
    for file, text in pages().items():
        file.write_text(text, encoding="utf-8")
