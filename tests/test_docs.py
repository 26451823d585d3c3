import importlib.util
import re
from pathlib import Path

import pytest

import wordgate

GENERATE = Path(__file__).parents[1] / "docs" / "generate.py"


def pages():
    spec = importlib.util.spec_from_file_location("generate", GENERATE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.pages()


def test_the_generated_pages_are_up_to_date():
    stale = [
        file.name for file, text in pages().items() if file.read_text(encoding="utf-8") != text
    ]
    assert stale == [], "run: python docs/generate.py"


def test_the_api_reference_lists_every_public_name():
    page = (GENERATE.parent / "reference" / "api.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\.\. auto\w+:: wordgate\.(\w+)$", page, flags=re.MULTILINE)
    assert sorted(listed) == sorted(wordgate.__all__)


ROOT = GENERATE.parents[1]
LINKING = [
    file
    for pattern in ("*.md", "docs/**/*.md", "benchmarks/*.md")
    for file in sorted(ROOT.glob(pattern))
    if "_build" not in file.parts
]


def anchors(file):
    """Give the anchors of a Markdown file's headings, as GitHub and MyST make them."""
    text = re.sub(
        r"^```.*?^```", "", file.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in headings}


@pytest.mark.parametrize("file", LINKING, ids=lambda file: str(file.relative_to(ROOT)))
def test_every_link_inside_the_repository_leads_somewhere(file):
    dead = []
    for link in re.findall(r"\]\(([^)\s]+)\)", file.read_text(encoding="utf-8")):
        path, _, anchor = link.partition("#")
        target = file if not path else (file.parent / path).resolve()
        if re.match(r"https?:", link):
            continue
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []
