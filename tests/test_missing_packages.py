"""Tests are skipped where a package of an extra is absent, and nowhere else."""

import pickle
import sys
from importlib import metadata
from pathlib import Path

import pytest

from wordgate.errors import MissingExtraError

OURS = Path(__file__).with_name("conftest.py")


@pytest.fixture
def conftest(request):
    """The module beside this one."""
    plugins = request.config.pluginmanager.get_plugins()
    return next(one for one in plugins if getattr(one, "__file__", None) == str(OURS))


@pytest.fixture
def without(monkeypatch):
    """Have every package but those of some names."""

    def hide(*names):
        def distribution(name):
            if name in names:
                raise metadata.PackageNotFoundError(name)

        monkeypatch.setattr(metadata, "distribution", distribution)

    return hide


ABSENT = [
    (ModuleNotFoundError("no", name="torch.nn"), "torch"),
    (ModuleNotFoundError("no", name="sentence_transformers"), "sentence-transformers"),
    (ModuleNotFoundError("no", name="tokenizers"), "transformers"),
    (MissingExtraError("serving a model", "serve"), "uvicorn"),
    (MissingExtraError("distilling", "distill"), "torch"),  # the extra takes in another
]


@pytest.mark.parametrize(("error", "package"), ABSENT, ids=[package for _, package in ABSENT])
def test_missing_packages_are_named(conftest, without, error, package):
    without(package)
    assert conftest.missing_for(error) == package


@pytest.mark.needs("torch", "sentence_transformers", "transformers", "uvicorn")
@pytest.mark.needs("httptools", "orjson", "prometheus_client")
@pytest.mark.parametrize("error", [error for error, _ in ABSENT], ids=str)
def test_installed_packages_are_never_missing(conftest, error, monkeypatch):
    assert conftest.missing_for(error) is None
    monkeypatch.setitem(sys.modules, "torch", None)
    assert conftest.missing_for(error) is None


@pytest.mark.parametrize(
    "error",
    [
        ModuleNotFoundError("no", name="wordgate.nothing"),
        ModuleNotFoundError("no", name="torhc"),
        ModuleNotFoundError("no"),
        ImportError("no", name="torch"),
        MissingExtraError("nothing", "nonsense"),
        ValueError("torch"),
        None,
    ],
    ids=repr,
)
def test_other_failures_stay_failures(conftest, without, error):
    without("torch", "torhc")
    assert conftest.missing_for(error) is None


def test_a_worker_process_can_send_the_error_back():
    error = MissingExtraError("serving a model", "serve")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (MissingExtraError, str(error))
