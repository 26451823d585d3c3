"""Exporting a bundle: the file, refusals, and existing files after a failure."""

import json
import subprocess
import sys

import numpy as np
import pandas
import pytest

import wordgate
from wordgate.bundle.folder import BundleFolder
from wordgate.data import read_table
from wordgate.errors import MissingExtraError
from wordgate.experiments.evaluate import labelled_rows
from wordgate.export import families, parity
from wordgate.export.inputs import ngram_inputs
from wordgate.export.parity import Session
from wordgate.runtime.progress import Silent

pytest.importorskip("onnx", reason="needs the extra 'onnx'")
pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")


@pytest.fixture(scope="module")
def mlp_folder(tmp_path_factory, reviews):
    folder = tmp_path_factory.mktemp("mlp") / "model"
    vectors = folder.with_name("vectors.txt")
    vectors.write_text("3 2\nlove 1 0.5\nhate -1 0.5\nthis 0.1 -0.2\n", encoding="utf-8")
    settings = {"mlp.epochs": 2, "mlp.hidden_size": 8}
    wordgate.train(
        reviews, out=folder, model="mlp", vectors=vectors, settings=settings, progress=Silent()
    )
    return folder


def refusal(*arguments, kind=wordgate.WordgateError, **options):
    with pytest.raises(kind) as error:
        wordgate.export_onnx(*arguments, **options)
    return str(error.value)


@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
def test_the_file_answers_as_the_bundle_does(lstm_model, tmp_path, int8):
    out = tmp_path / "m.onnx"
    exported = wordgate.export_onnx(lstm_model.folder, out, int8=int8)
    assert list(tmp_path.iterdir()) == [out]
    assert (exported.out, exported.size) == (out, out.stat().st_size)
    predictor, session = wordgate.load(lstm_model.folder), Session(out, threads=1)
    assert json.loads(session.metadata["labels"]) == list(predictor.labels)
    texts = ["We love this lamp", "lamp", "hate hate hate"]
    words = json.loads(session.metadata["tokenizer"])["words"]
    ids_of = {word: number for number, word in enumerate(words, 2)}
    rows = [[ids_of.get(word, 1) for word in text.lower().split()] for text in texts]
    ids = np.array([row + [0] * (4 - len(row)) for row in rows])
    found = session.probabilities(ids, np.array([len(row) for row in rows]))
    assert found == pytest.approx(predictor.predict_proba(texts), abs=0.01 if int8 else 1e-5)


def test_a_model_over_averaged_words(mlp_folder, tmp_path):
    exported = wordgate.export_onnx(mlp_folder, tmp_path / "m.onnx")
    assert exported.agreement.largest <= 1e-5
    assert exported.rows is None


def test_int8_is_evaluated_on_the_rows_that_training_left_out(
    lstm_model, mlp_folder, tmp_path, make_file, make_rows
):
    new = [("n1", "good", "love love"), ("n2", "bad", "a stranger I avoid"), ("n3", "bad", "love")]
    data = make_file([*make_rows()[:20], *new])
    for number, folder in enumerate((lstm_model.folder, mlp_folder)):
        out = tmp_path / f"{number}.onnx"
        rows = wordgate.export_onnx(folder, out, int8=True, data=data, group="none").rows
        assert rows.n == 3
        right = wordgate.load(folder).predict([text for *_, text in new])
        assert rows.ours == sum(label == own for label, (_, own, _) in zip(right, new, strict=True))
        assert abs(rows.exported - rows.ours) <= 1


def test_where_training_had_seen_all_rows_all_are_evaluated(lstm_model, tmp_path):
    config = wordgate.load(lstm_model.folder).config
    known = labelled_rows(lstm_model.folder, config, lstm_model.data).known
    table = read_table(lstm_model.data)
    frame = pandas.DataFrame({"text": table.texts, "label": table.labels, "id": table.groups})
    rows = wordgate.export_onnx(
        lstm_model.folder, tmp_path / "m.onnx", int8=True, data=frame[known]
    ).rows
    assert rows.n == known.sum() == 250


def test_rows_are_read_as_asked(lstm_model, tmp_path):
    arguments = (lstm_model.folder, tmp_path / "m.onnx")
    message = refusal(*arguments, int8=True, data=lstm_model.data, text="txet")
    assert message.startswith("no column 'txet'; did you mean 'text'?")


def test_a_file_that_disagrees_never_comes_to_its_place(lstm_model, tmp_path, monkeypatch):
    out = tmp_path / "m.onnx"
    out.write_bytes(b"an older file")
    monkeypatch.setattr(families, "_GATES", [0, 1, 2, 3])
    message = refusal(lstm_model.folder, out, overwrite=True, kind=wordgate.BundleError)
    assert message.startswith("not written: in a batch of ")
    assert out.read_bytes() == b"an older file"
    assert list(tmp_path.iterdir()) == [out]


def test_int8_that_loses_accuracy_never_comes_to_its_place(lstm_model, tmp_path, monkeypatch):
    whole = families.quantize

    def no_recurrence(rows, *highest):
        numbers, scales = whole(rows)
        return numbers * (not highest), scales

    monkeypatch.setattr(families, "quantize", no_recurrence)
    monkeypatch.setattr(parity, "MEAN_TOLERANCE", 1e-6)
    message = refusal(lstm_model.folder, tmp_path / "m.onnx", int8=True, kind=wordgate.BundleError)
    assert message.startswith("not written: with int8, on random texts, ")
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_replaced_only_on_request(lstm_model, tmp_path):
    out = tmp_path / "m.onnx"
    out.write_bytes(b"an older file")
    assert refusal(lstm_model.folder, out) == (
        f"{out} exists; choose another --out, or replace it with --overwrite"
    )
    assert out.read_bytes() == b"an older file"
    wordgate.export_onnx(lstm_model.folder, out, overwrite=True)
    assert Session(out, threads=1).metadata["precision"] == "float32"


def test_places_where_no_file_can_be(lstm_model, tmp_path):
    assert refusal(lstm_model.folder, tmp_path) == f"{tmp_path} is a folder; name a file"
    nowhere = tmp_path / "no" / "m.onnx"
    assert refusal(lstm_model.folder, nowhere) == (
        f"there is no folder '{tmp_path}/no' to write 'm.onnx' into"
    )
    assert refusal(lstm_model.folder, "/dev/null", overwrite=True) == (
        "/dev/null is not a file; choose another --out"
    )


@pytest.fixture(scope="module")
def transformer_folder(tmp_path_factory, reviews, tiny_bert):
    folder = tmp_path_factory.mktemp("transformer") / "model"
    settings = {
        "transformer.model": str(tiny_bert),
        "transformer.epochs": 1,
        "transformer.min_updates": 0,
        "transformer.max_tokens": 12,
    }
    wordgate.train(reviews, out=folder, model="transformer", settings=settings, progress=Silent())
    return folder


@pytest.mark.needs("torch", "transformers")
@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
def test_a_transformer(transformer_folder, reviews, tmp_path, int8):
    tokenizers = pytest.importorskip("tokenizers", reason="needs the extra 'transformer'")
    out = tmp_path / "m.onnx"
    data = reviews if int8 else None
    exported = wordgate.export_onnx(transformer_folder, out, int8=int8, data=data)
    assert (exported.rows is not None) == int8
    predictor, session = wordgate.load(transformer_folder), Session(out, threads=1)
    tokenizer = tokenizers.Tokenizer.from_str(session.metadata["tokenizer"])
    for text in ("good lamp", "the kettle the lamp " * 10):
        ids = np.array([tokenizer.encode(text).ids])
        found = session.probabilities(ids, np.ones_like(ids))
        assert found == pytest.approx(predictor.predict_proba([text]), abs=0.01 if int8 else 1e-5)


@pytest.mark.parametrize("int8", [False, True], ids=["float32", "int8"])
def test_word_counts(count_model, tmp_path, int8):
    out = tmp_path / "m.onnx"
    data = count_model.data if int8 else None
    exported = wordgate.export_onnx(count_model.folder, out, int8=int8, data=data)
    assert (exported.rows is not None) == int8
    predictor, session = wordgate.load(count_model.folder), Session(out, threads=1)
    assert json.loads(session.metadata["labels"]) == list(predictor.labels)
    model = BundleFolder.open(count_model.folder).model(predictor.config)
    texts = ["We love this lamp", "", "hate hate hate"]
    found = session.probabilities(*ngram_inputs(model.encode(texts)))
    expected = predictor.predict_proba(["We love this lamp", "hate hate hate"])
    assert found[[0, 2]] == pytest.approx(expected, abs=0.01 if int8 else 1e-5)


def test_options_without_effect_are_refused(lstm_model, tmp_path):
    arguments = (lstm_model.folder, tmp_path / "m.onnx")
    assert refusal(*arguments, data=lstm_model.data) == (
        "data has no effect without int8: float32 is compared with the model itself"
    )
    assert refusal(*arguments, int8=True, text="text") == (
        "text has no effect without data; leave it out"
    )


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_a_missing_package_is_reported_in_one_sentence(lstm_model, tmp_path, monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    assert refusal(lstm_model.folder, tmp_path / "m.onnx", kind=MissingExtraError) == (
        "writing an ONNX file needs the extra 'onnx': pip install 'wordgate[onnx]'"
    )


def test_exporting_does_without_torch(lstm_model, tmp_path):
    code = (
        "import sys, wordgate;"
        "wordgate.export_onnx(sys.argv[1], sys.argv[2], int8=True, data=sys.argv[3]);"
        "print('torch' in sys.modules)"
    )
    command = [sys.executable, "-c", code, lstm_model.folder, tmp_path / "m.onnx", lstm_model.data]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
