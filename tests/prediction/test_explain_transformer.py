"""Explanations of a transformer's verdicts."""

import numpy as np
import pytest

pytest.importorskip("transformers", reason="needs the extra 'transformer'")

from wordgate.models.transformer import TransformerModel
from wordgate.prediction.decision import DecisionRule
from wordgate.prediction.explaining import explain
from wordgate.training.pretrained_transformer import pretrained_transformer


@pytest.fixture(scope="module")
def model(tiny_transformer):
    return TransformerModel(*pretrained_transformer(str(tiny_transformer), 3, 8, seed=0))


def test_a_transformer_is_explained_by_prefixes_of_the_text(model):
    text = "W1 zumbaro w3"
    found = explain(model, DecisionRule(("a", "b", "c")), 1.0, text)
    assert found.course == "prefixes"
    assert [(word.word, word.known) for word in found.words] == [
        ("W1", True), ("zumbaro", False), ("w3", True),
    ]  # fmt: skip
    ends = np.exp(model.log_proba(["W1", "W1 zumbaro", text]))
    shares = [list(word.probabilities.values()) for word in found.words]
    assert np.array(shares) == pytest.approx(ends, abs=1e-5)
    without = np.exp(model.log_proba(["  zumbaro w3"]))[0]
    effects = list(found.words[0].effects.values())
    assert np.array(effects) == pytest.approx(ends[-1] - without, abs=1e-5)
    assert found.remarks == ("1 of 3 words is unknown to the model: zumbaro.",)


def test_subwords_beyond_its_limit_are_reported(model):
    found = explain(model, DecisionRule(("a", "b", "c")), 1.0, "w1 w2 w3 w4 w5 w6 w7 w8")
    assert [word.word for word in found.words] == ["w1", "w2", "w3", "w4", "w5", "w6"]
    assert found.remarks == ("The model reads the first 6 of 8 words.",)
