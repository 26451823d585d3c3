"""The metadata of the package: versions, extras, addresses, the image of the server."""

import re
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

import wordgate
from wordgate.runtime.packages import PACKAGES

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]

DISTRIBUTIONS = {"prometheus_client": "prometheus-client", "python_calamine": "python-calamine",
                 "sentence_transformers": "sentence-transformers",
                 "sklearn": "scikit-learn"}  # fmt: skip
"""The names on the package index that differ from the names to import."""


@pytest.fixture(scope="module")
def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def names(requirements):
    """Give the names of the packages required, without versions."""
    return {re.match(r"[\w-]+(\[[\w,]+\])?", line)[0] for line in requirements}


def resolved(project, extra):
    """Give what an extra installs beside the base, the extras it names included."""
    found = set()
    for name in names(project["optional-dependencies"][extra]):
        further = re.fullmatch(r"wordgate\[([\w,]+)\]", name)
        if further:
            found |= set().union(*(resolved(project, one) for one in further[1].split(",")))
        else:
            found.add(name)
    return found


@pytest.mark.parametrize("extra", PACKAGES)
def test_an_extra_installs_the_packages_that_are_asked_for(project, extra):
    needed = {DISTRIBUTIONS.get(package, package) for package in PACKAGES[extra]}
    if extra == "transformer":
        needed.discard("tokenizers")  # transformers' own dependency
    assert needed <= resolved(project, extra)


def test_all_is_every_extra_but_the_engines_of_clusters(project):
    extras = set(project["optional-dependencies"]) - {"all", "ray", "spark"}
    (line,) = project["optional-dependencies"]["all"]
    assert set(re.fullmatch(r"wordgate\[(.+)\]", line)[1].split(",")) == extras


def test_the_base_brings_nothing_that_only_training_needs(project):
    base = names(project["dependencies"])
    assert base.isdisjoint({"jinja2", "narwhals", "pyarrow", "scikit-learn", "scipy", "torch"})


def test_the_citation_is_of_this_version(project):
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"version: {project['version']}\n" in citation
    assert f"repository-code: {project['urls']['Source']}\n" in citation
    assert wordgate.__version__ == project["version"] == version("wordgate")


def test_the_classifiers_begin_with_the_oldest_python_that_is_required(project):
    listed = re.findall(r"Python :: 3\.(\d+)'", str(project["classifiers"]))
    assert project["requires-python"] == f">=3.{min(map(int, listed))}"


def test_the_image_installs_extras_that_there_are(project):
    recipe = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    (extras,) = re.findall(r"^ARG EXTRAS=(\S+)$", recipe, re.MULTILINE)
    assert set(extras.split(",")) <= set(project["optional-dependencies"])
