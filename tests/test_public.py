import subprocess
import sys

import pytest

import wordgate

HEAVY = ("numpy", "torch", "sklearn", "scipy", "rich", "pydantic", "pyarrow", "pandas", "polars")


def loaded_by(code):
    """Tell which heavy packages a fresh Python has loaded after some code."""
    probe = f"{code}\nimport sys; print([n for n in {HEAVY!r} if n in sys.modules])"
    ended = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=True
    )
    return ended.stdout.splitlines()[-1]


def test_help_loads_nothing_heavy():
    assert loaded_by("from wordgate.cli.main import exit_code; exit_code(['--help'])") == "[]"


def test_import_loads_nothing_heavy():
    assert loaded_by("import wordgate; dir(wordgate)") == "[]"


def test_every_public_name_is_there():
    assert all(getattr(wordgate, name) is not None for name in wordgate.__all__)
    assert set(wordgate.__all__) <= set(dir(wordgate))


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'wordgate' has no attribute 'trian'"):
        _ = wordgate.trian
