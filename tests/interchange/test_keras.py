import subprocess
import sys

import numpy as np
import pytest

import wordgate
from wordgate.bundle.folder import BundleFolder
from wordgate.errors import SettingsError

MODELS = {
    "notebook": ("tokenizer.json", "abc", {}),
    "functional": ("tokenizer.json", "abcd", {"max_tokens": 6, "truncate": "end"}),
    "oov": ("oov.json", "ab", {"max_tokens": 7}),
}


@pytest.fixture
def imported(fixtures):
    """Import a recorded model; keywords beat those that it was recorded with."""

    def import_one(name="notebook", **options):
        tokenizer, labels, own = MODELS[name]
        options = {"labels": list(labels), **own, **options}
        return wordgate.import_keras(
            fixtures / f"{name}.keras", options.pop("tokenizer", fixtures / tokenizer), **options
        )

    return import_one


def refusal(imported, *arguments, **options):
    with pytest.raises(SettingsError) as caught:
        imported(*arguments, **options)
    return str(caught.value)


@pytest.mark.parametrize("name", MODELS)
def test_it_answers_as_keras_does(imported, expected, tmp_path, name):
    memory = imported(name, out=tmp_path / "m").predict_proba(expected["texts"])
    kept = wordgate.load(tmp_path / "m").predict_proba(expected["texts"])
    np.testing.assert_allclose(memory, expected[name], rtol=0, atol=1e-6)
    np.testing.assert_array_equal(memory, kept)


def test_the_texts_distinguish_models(imported, expected):
    assert np.ptp(expected["notebook"], axis=0).max() > 0.3
    front = imported().predict_proba(expected["texts"])
    end = imported(truncate="end").predict_proba(expected["texts"])
    assert abs(front - end).max() > 0.01


def test_the_bundle_names_its_source(imported, tmp_path):
    predictor = imported("functional", out=tmp_path / "m")
    config = BundleFolder.open(tmp_path / "m").config()
    assert config == predictor.config
    assert (config.family, config.recipe, config.settings) == ("lstm", "import-keras", {})
    assert config.labels == ("a", "b", "c", "d")
    assert config.environment == {"keras": "3.15.1"}
    assert config.data == {
        "source": "functional.keras",
        "tokenizer": "tokenizer.json",
        "training_texts": "unknown",
        "notes": [
            "texts of more than 6 tokens (as given by max_tokens) are truncated at the end, as with"
            " pad_sequences' truncating='post'",
            "words that are not in the vocabulary are dropped",
            "the embedding has 37 rows, of which the vocabulary needs 30; the others were left out",
        ],
    }
    assert predictor.metrics is None


def test_nothing_is_written_without_out(imported, tmp_path):
    imported()
    assert list(tmp_path.iterdir()) == []


def test_a_computation_in_half_precision_is_noted(fixtures, reconfigured):
    def mix(config):
        for layer in config["config"]["layers"]:
            if layer["class_name"] in ("Embedding", "LSTM", "Dense"):
                layer["config"]["dtype"]["config"]["name"] = "mixed_float16"

    model = reconfigured(mix)
    notes = wordgate.import_keras(
        model, fixtures / "tokenizer.json", labels=["a", "b", "c"]
    ).config.notes()
    assert notes[-1] == "the model was computed in mixed_float16; wordgate computes in float32"


def test_the_length_must_be_known(imported):
    assert refusal(imported, "functional", max_tokens=None) == (
        "the input length of the model is not fixed; use --max-tokens to give the number of tokens"
        " to which texts were padded in training (pad_sequences' maxlen)"
    )
    assert refusal(imported, max_tokens=9) == (
        "max_tokens is 9, but the model's input has the fixed length 8"
    )
    assert refusal(imported, "functional", max_tokens=0) == (
        "max_tokens is 0; it must be a whole number from 1 to 2147483647"
    )
    assert refusal(imported, truncate="fornt") == "no truncate 'fornt'; did you mean 'front'?"
    assert imported(max_tokens=8).config.data["notes"][0].startswith("texts of more than 8 tokens")


def test_the_labels_must_fit(imported):
    assert refusal(imported, labels=["a", "b"]) == (
        "2 labels were given and the model has 3 outputs; give its labels in the order of its"
        " outputs (scikit-learn's LabelEncoder sorts them)"
    )
    assert refusal(imported, labels=["a", "b", "a"]) == "the label 'a' is given more than once"
    assert refusal(imported, labels=["a", "", "b"]) == (
        "a label is empty; give one to each output of the model"
    )
    assert refusal(imported, labels="abc") == "labels must be a list of labels, not the text 'abc'"
    assert imported(labels=np.array([0, 1, 2])).labels == ("0", "1", "2")


def test_an_embedding_too_small_is_refused(fixtures):
    with pytest.raises(wordgate.BundleError) as caught:
        wordgate.import_keras(
            fixtures / "oov.keras", fixtures / "tokenizer.json", labels=["a", "b"]
        )
    assert str(caught.value) == (
        f"{fixtures}/oov.keras: the embedding has 12 rows, but the tokenizer's vocabulary needs 30;"
        " they are from different models"
    )


def test_a_model_that_exists_is_replaced_only_on_request(imported, tmp_path):
    out = tmp_path / "m"
    imported(out=out)
    with pytest.raises(wordgate.BundleError, match=" exists; choose another --out, or replace it"):
        imported(out=out)
    imported(out=out, labels=["x", "y", "z"], overwrite=True)
    assert wordgate.load(out).labels == ("x", "y", "z")


def test_nothing_but_the_base_is_imported(fixtures):
    code = (
        "import sys, wordgate\n"
        f"wordgate.import_keras({str(fixtures / 'notebook.keras')!r},"
        f" {str(fixtures / 'tokenizer.json')!r}, labels=['a', 'b', 'c'])\n"
        "print([n for n in ('keras', 'tensorflow', 'torch', 'h5py') if n in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"
