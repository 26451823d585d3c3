"""Saved models of which a part is missing, too many, or of another form."""

import numpy as np
import pytest

LSTM = [
    *("encoder", "pooling", "embedding", "output.weights", "output.bias"),
    *("forward.input_weights", "forward.hidden_weights", "forward.bias"),
    *("backward.input_weights", "backward.hidden_weights", "backward.bias"),
]
MLP = ["encoder", "rows", "weights", "bias", "output.weights", "output.bias"]


@pytest.mark.parametrize(
    ("family", "name"), [*(("lstm", name) for name in LSTM), *(("mlp", name) for name in MLP)]
)
def test_a_missing_part_is_named(refusal, family, name):
    assert refusal(family, without=[name]) == f"the model has no part '{name}'; train it again"


@pytest.mark.parametrize(
    ("family", "name"),
    [
        *(("lstm", name) for name in ("more", "embedding.scales", "output.more", "sideways.bias")),
        ("logreg", "output.weights"),
    ],
)
def test_a_part_that_nothing_needs_is_named(refusal, family, name):
    assert refusal(family, arrays={name: np.zeros(2, np.float32)}) == (
        f"the model has a part '{name}' that nothing needs; train it again"
    )


@pytest.mark.parametrize(
    ("family", "name", "shape", "belongs"),
    [
        ("lstm", "embedding", (7, 5), (6, 5)),
        ("lstm", "embedding", (5,), (6, 5)),
        ("lstm", "forward.input_weights", (12, 4), (12, 5)),
        ("lstm", "forward.hidden_weights", (12, 4), (12, 3)),
        ("lstm", "backward.hidden_weights", (3, 12), (12, 3)),
        ("lstm", "backward.bias", (12, 1), (12,)),
        ("lstm", "output.weights", (2, 11), (2, 12)),
        ("lstm", "output.bias", (2, 1), (2,)),
        ("lstm", "output.bias", (), (1,)),
        ("mlp", "rows", (7, 3), (6, 3)),
        ("mlp", "rows", (6, 4), (6, 3)),
        ("mlp", "rows", (6,), (6, 3)),
        ("mlp", "weights", (7,), (6,)),
        ("mlp", "weights", (6, 1), (6,)),
        ("mlp", "bias", (3, 1), (3,)),
        ("mlp", "output.weights", (2, 4), (2, 3)),
        ("mlp", "output.bias", (2, 1), (2,)),
    ],
)
def test_an_array_that_does_not_fit_is_named(refusal, family, name, shape, belongs):
    assert refusal(family, arrays={name: np.zeros(shape, np.float32)}) == (
        f"the model's {name} is float32 {list(shape)}; it must be float32 {list(belongs)}"
    )


@pytest.mark.parametrize(
    ("family", "name", "size"), [("lstm", "output.bias", 2), ("mlp", "bias", 3)]
)
def test_numbers_of_another_type_are_refused(refusal, family, name, size):
    assert refusal(family, arrays={name: np.zeros(size)}) == (
        f"the model's {name} is float64 [{size}]; it must be float32 [{size}]"
    )


@pytest.mark.parametrize("family", ["lstm", "logreg", "mlp"])
def test_an_encoder_of_another_form_is_refused(refusal, family):
    assert refusal(family, description={"encoder": 3}) == (
        "the model's text encoder is 3, not an object of named fields"
    )


def test_a_network_without_directions_is_refused(refusal):
    directions = [name for name in LSTM if "ward." in name]
    expected = "the model has no part 'forward.input_weights'; train it again"
    assert refusal("lstm", without=directions) == expected


@pytest.mark.parametrize(
    ("pooling", "shown"),
    [(["max", "median"], "['median']"), ([], "[]"), ("max", "'max'"), (3, "3"), ([[]], "[[]]")],
)
def test_an_unknown_pooling_is_named(refusal, pooling, shown):
    assert refusal("lstm", description={"pooling": pooling}) == (
        f"the model pools by {shown}, and this version of wordgate only by last, max, mean"
    )


@pytest.mark.parametrize("weight", [-0.1, np.nan, np.inf])
def test_weights_that_can_not_be_are_refused(refusal, weight):
    assert refusal("mlp", arrays={"weights": np.full(6, weight, np.float32)}) == (
        "the model's weights of words are not all numbers of 0 or more"
    )
