"""The engine and the settings that a fit reports before it starts."""

import subprocess
import sys

import numpy as np
import pytest

from wordgate.data.dataset import Dataset
from wordgate.errors import DataError, MissingExtraError, SettingsError
from wordgate.families import FAMILIES, imported
from wordgate.runtime.progress import Silent
from wordgate.training.families import check_device, check_family, engine_of, fit
from wordgate.training.fitting import FitData, RunContext


@pytest.mark.parametrize(
    ("family", "end"),
    [
        ("lstn", "; did you mean 'lstm'?"),
        ("forest", "; available: count, logreg, mlp, lstm, transformer"),
    ],
)
def test_an_unknown_family_is_named(family, end):
    with pytest.raises(SettingsError) as error:
        check_family(family)
    assert str(error.value) == f"no family of models '{family}'{end}"


def test_without_torch_the_extra_is_named(hide_packages):
    hide_packages("torch")
    with pytest.raises(MissingExtraError) as error:
        check_family("lstm")
    assert str(error.value) == (
        "training an LSTM needs the extra 'train': pip install 'wordgate[train]'"
    )
    with pytest.raises(MissingExtraError, match=r"^training an MLP needs the extra 'train':"):
        check_family("mlp")
    for family in ("count", "logreg"):
        check_family(family)


@pytest.mark.parametrize("known", FAMILIES.values(), ids=lambda known: known.name)
def test_an_entry_names_functions_that_are_there(known):
    pytest.importorskip("tokenizers", reason="needs the extra 'transformer'")
    named = (known.fit, known.load, known.engine, known.pretrained)
    assert all(callable(imported(function)) for function in named if function is not None)


def test_the_registry_is_read_without_training_packages():
    code = "import sys, wordgate.families; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    modules = loaded.stdout.split()
    assert not {"numpy", "torch", "pydantic", "wordgate.models", "wordgate.training"} & set(modules)


@pytest.mark.parametrize("family", [name for name, family in FAMILIES.items() if family.cpu_alone])
def test_a_device_has_no_effect_on_families_of_the_cpu(family):
    check_device(family, "auto")
    check_device(family, "cpu")
    with pytest.raises(SettingsError) as error:
        check_device(family, "cuda:1")
    assert str(error.value) == (f"device 'cuda:1' has no effect: {family} models use only the CPU")


@pytest.mark.parametrize("family", [name for name in FAMILIES if name != "transformer"])
def test_the_expected_engine_is_the_one_that_is_used(
    family, request, settings, examples, word_vectors
):
    train = examples(60)
    vectors = None if family == "count" else word_vectors
    data = FitData(train, train, ["0", "1"], vectors=vectors)
    context = RunContext(0, Silent(), "cpu", threads=3)
    fitted = fit(family, data, settings(mlp_epochs=1, epochs=1), context)
    assert engine_of(family, settings(), context) == fitted.engine
    assert fitted.engine["threads"] == ("3" if family == "lstm" else "1")
    assert fitted.model.n_threads == (3 if family == "lstm" else 1)


def test_a_part_of_the_examples_keeps_its_order():
    examples = Dataset(["a", "b", "c"], np.array([0, 1, 2]), ["x", "y", "z"])
    part = examples.part(np.array([2, 0]))
    assert (part.texts, part.targets.tolist(), part.groups) == (["c", "a"], [2, 0], ["z", "x"])
    assert Dataset(["a"], np.array([0]), None).part(np.array([0])).groups is None


@pytest.mark.parametrize(
    ("family", "model", "choice"),
    [
        ("count", "word counts", "the strength of regularization"),
        ("logreg", "a model of averaged word vectors", "a model"),
        ("mlp", "a model of averaged word vectors", "a model"),
        ("lstm", "an LSTM", "the best epoch"),
        ("transformer", "a transformer", "the best epoch"),
    ],
)
def test_nothing_to_fit_on_and_nothing_to_choose_by_are_named(
    examples, fit_any, family, model, choice
):
    if family == "transformer":
        pytest.importorskip("transformers", reason="needs the extra 'transformer'")
    with pytest.raises(DataError, match=rf"^there are no texts to fit {model} on$"):
        fit_any(family, examples(0), examples(5))
    message = f"^there are no validation texts to choose {choice} with: give more rows"
    with pytest.raises(DataError, match=message):
        fit_any(family, examples(5), examples(0))
