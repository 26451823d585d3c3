import importlib.util
from pathlib import Path

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
