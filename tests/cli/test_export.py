import json

import pytest

pytest.importorskip("onnx", reason="needs the extra 'onnx'")
pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")


def test_export_reports_the_file(wordgate, lstm_model, tmp_path):
    out = tmp_path / "m.onnx"
    ended = wordgate("export", lstm_model.folder, "--out", out)
    stages = f"Loading {lstm_model.folder}", f"Writing {out}", "Comparing it with the model"
    stderr = [
        line for line in ended.err.splitlines() if not line.startswith("  ")
    ]  # of slow stages
    assert (ended.code, stderr) == (0, [f"{stage} ..." for stage in stages])
    first, second = ended.out.splitlines()
    assert first == f"Wrote {out} ({out.stat().st_size / 1e3:.0f} kB)."
    assert second.startswith(
        "On 750 random texts, no probability differs from the model's by more than "
    )
    assert second.endswith("e-8.")


def test_int8_asks_for_labelled_texts_or_names_them(wordgate, lstm_model, tmp_path):
    call = ("export", lstm_model.folder, "--out", tmp_path / "m.onnx", "--int8", "--overwrite")
    lines = wordgate(*call).out.splitlines()
    assert lines[-2].startswith(
        "Expected loss of accuracy from changed labels, by the model's probabilities: 0"
    )
    assert lines[-1] == "To measure the accuracy, give labeled texts with --data."
    ended = wordgate(*call, "--data", lstm_model.data, "--group", "none")
    assert (
        f"Reading {lstm_model.data}, and looking for rows seen during training ...\n" in ended.err
    )
    assert f"\nread {lstm_model.data}: CSV, valid UTF-8" in ended.err
    assert " labeled rows: 0." in ended.out.splitlines()[-1]


def test_json_is_one_object(wordgate, lstm_model, tmp_path):
    out = tmp_path / "m.onnx"
    ended = wordgate(
        "export", lstm_model.folder, "--out", out, "--int8", "--data", lstm_model.data, "--json"
    )
    result = json.loads(ended.out)
    assert (result["out"], result["bytes"]) == (str(out), out.stat().st_size)
    assert set(result["agreement"]) == {"n", "largest", "mean", "expected_loss"}
    assert set(result["rows"]) == {"n", "ours", "exported"}


CALLS = {
    "export": (2, "Missing argument 'MODEL'."),
    "export MODEL": (2, "Missing option '--out'."),
    "export NONE --out NEW": (1, "wordgate: there is no model at "),
    "export MODEL --out DATA": (1, " exists; choose another --out, or replace it with --overwrite"),
    "export MODEL --out NEW --data DATA": (1, "wordgate: data has no effect without int8"),
    "export MODEL --out NEW --int8 --text text": (1, "wordgate: text has no effect without data"),
    "export MODEL --out NEW --int8 --data no.csv": (1, "wordgate: no file 'no.csv'"),
}


@pytest.mark.parametrize("call", CALLS)
def test_a_bad_call_ends_in_a_message(wordgate, lstm_model, tmp_path, call):
    places = {
        "MODEL": lstm_model.folder,
        "DATA": lstm_model.data,
        "NONE": tmp_path / "none",
        "NEW": tmp_path / "new",
    }
    code, message = CALLS[call]
    ended = wordgate(*(places.get(word, word) for word in call.split()))
    assert (ended.code, ended.out) == (code, "")
    assert message in ended.err
    assert "Traceback" not in ended.err
    assert list(tmp_path.iterdir()) == []
