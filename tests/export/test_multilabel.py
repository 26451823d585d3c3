"""Models of several labels per text as ONNX files."""

import json

import numpy as np
import pytest

import wordgate
from wordgate.errors import BundleError
from wordgate.export.inputs import InputForm, word_inputs
from wordgate.export.onnx_file import onnx_bytes
from wordgate.export.parity import FLOAT32_TOLERANCE, Session, check_made_up, check_rows
from wordgate.text.encoder import EncodedTexts

pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
WORDS = InputForm(word_inputs, 50)


@pytest.mark.parametrize("int8", [False, True])
@pytest.mark.parametrize("family", ["lstm", "mlp", "logreg"])
def test_each_label_has_a_probability_by_itself(
    config, make_lstm, make_average, make_texts, tmp_path, family, int8
):
    model = make_lstm() if family == "lstm" else make_average(family)
    files = {}
    for multilabel in (False, True):
        files[multilabel] = tmp_path / f"{multilabel}.onnx"
        made = config(family, temperature=1.5, multilabel=multilabel)
        files[multilabel].write_bytes(onnx_bytes(model, made, int8=int8))
    ids, texts = make_texts(0, 3, 7)
    one, several = (Session(files[is_so], threads=1) for is_so in (False, True))
    lengths = texts.lengths
    shares, found = one.probabilities(ids, lengths), several.probabilities(ids, lengths)
    # The log-odds between two labels are the differences of their logits, whatever ends the graph.
    odds = np.log(found) - np.log1p(-found)
    logs = np.log(shares)
    assert odds - odds[:, :1] == pytest.approx(logs - logs[:, :1], abs=1e-4)
    (logarithms,) = several._session.run(["log_probabilities"], {"ids": ids, "lengths": lengths})
    assert logarithms == pytest.approx(np.log(found), abs=1e-5)


def test_the_file_has_its_thresholds(config, make_lstm):
    several = config(multilabel=True, thresholds=[0.2, 0.5, 0.8])
    reported, one = (
        Session(onnx_bytes(make_lstm(), made, int8=False), threads=1).metadata
        for made in (several, config())
    )
    assert reported["multilabel"] == "true"
    assert json.loads(reported["thresholds"]) == [0.2, 0.5, 0.8]
    assert not {"multilabel", "thresholds"} & set(one)


class Answering:
    """A session that answers by a function of the lengths."""

    def __init__(self, answer):
        self.answer = answer

    def probabilities(self, ids, lengths):
        return self.answer(lengths).astype(np.float32)


def always(*row):
    return lambda texts: np.tile(row, (len(texts), 1))


@pytest.mark.parametrize(("unsure", "loss"), [(0.503, 0.006 / 3), (0.51, None)])
def test_int8_may_change_labels_that_are_a_toss_up_alone(unsure, loss):
    ours, session = always(0.9, unsure, 0.1), Answering(always(0.9, 0.498, 0.1))
    options = {"int8": True, "given": lambda proba: proba >= 0.5}
    if loss is not None:
        found = check_made_up(session, ours, WORDS, **options)
        assert found.expected_loss == pytest.approx(loss)
        return
    with pytest.raises(BundleError, match=r"the expected loss of accuracy is 0\.0067; at most"):
        check_made_up(session, ours, WORDS, **options)


def test_rows_are_right_where_all_their_labels_are():
    texts = EncodedTexts(np.ones(3, np.int32), np.arange(4))
    targets = np.array([[1, 1, 0], [1, 0, 0], [1, 1, 1]])
    ours = always(0.9, 0.51, 0.1)
    found = check_rows(Answering(ours), texts, targets, ours, WORDS, lambda proba: proba >= 0.5)
    assert (found.n, found.ours, found.exported) == (3, 1, 1)


@pytest.mark.slow
@pytest.mark.parametrize("int8", [False, True])
@pytest.mark.parametrize("family", ["count", "logreg", "mlp", "lstm"])
def test_a_saved_model_is_exported_and_agrees(as_multilabel, model_of, tmp_path, family, int8):
    folder = as_multilabel(model_of(family).folder, temperature=1.3, thresholds=[0.3, 0.6])
    exported = wordgate.export_onnx(folder, tmp_path / "m.onnx", int8=int8)
    assert int8 or exported.agreement.largest <= FLOAT32_TOLERANCE
    assert Session(tmp_path / "m.onnx", threads=1).metadata["multilabel"] == "true"
