"""Both engines against a slow, simple LSTM: outputs and all gradients, masks included.

The slow LSTM reads one text at a time, one word at a time, without padding. It is written once and
runs in numpy's float64, which anybody can check, and in torch's, which derives it.
"""

from itertools import combinations, count, islice

import numpy as np
import pytest
import torch

from wordgate.training import recurrent
from wordgate.training.rng import dropout_mask

POOLINGS = [pooling for n in (1, 2, 3) for pooling in combinations(("last", "max", "mean"), n)] + [
    ("mean", "last")
]


@pytest.fixture(scope="module")
def n_cases(how_many):
    """How many random shapes for each pooling and direction: 4 x 8 x 2 = 64, or 208."""
    return how_many(4, 13)


def slow_states(lib, word_vectors, text, direction, input_mask, state_mask):
    """Read one text: the state after each of its words, each [hidden].

    A mask is [1, size] for all gates or [4, size], one for each gate.
    """
    input_weights, hidden_weights, bias = direction
    size = hidden_weights.shape[1]
    state = cell = lib.zeros(size, dtype=lib.float64)
    states = []
    for word in text:
        gates = []
        for gate in range(4):
            rows = slice(gate * size, (gate + 1) * size)
            seen_input = word_vectors[word] * input_mask[gate % len(input_mask)]
            seen_state = state * state_mask[gate % len(state_mask)]
            sums = input_weights[rows] @ seen_input + hidden_weights[rows] @ seen_state + bias[rows]
            gates.append(sums)
        let_in, keep, let_out = (1.0 / (1.0 + lib.exp(-gates[gate])) for gate in (0, 1, 3))
        candidate = lib.tanh(gates[2])
        cell = keep * cell + let_in * candidate
        state = let_out * lib.tanh(cell)
        states.append(state)
    return states


def slow_pool(lib, states, size, pooling):
    if not states:
        return lib.zeros(size, dtype=lib.float64)
    if pooling == "last":
        return states[-1]
    return {"max": lib.amax, "mean": lib.mean}[pooling](lib.stack(states), 0)


def slow_readings(lib, tensors, case):
    """Read all texts both ways, if the case has two: for each text, its states each way."""
    word_vectors, *weights = tensors
    return [
        [
            slow_states(
                lib,
                word_vectors,
                text[::-1] if index else text,
                weights[3 * index : 3 * index + 3],
                own_mask(case["input_masks"][index], number),
                own_mask(case["state_masks"][index], number),
            )
            for index in range(case["directions"])
        ]
        for number, text in enumerate(case["texts"])
    ]


def own_mask(mask, text):
    """The mask of one text: [masked, size], from the batch's [size] or [batch, masked, size]."""
    return mask[text] if mask.ndim == 3 else mask[None]


def slow_logits(lib, tensors, case):
    """Score all texts: [batch, classes]."""
    size, (output_weights, output_bias) = tensors[2].shape[1], tensors[-2:]
    rows = []
    readings = slow_readings(lib, tensors, case)
    for ways, output_mask in zip(readings, case["output_mask"], strict=True):
        parts = [slow_pool(lib, way, size, name) for way in ways for name in case["pooling"]]
        rows.append(output_weights @ (lib.concatenate(parts) * output_mask) + output_bias)
    return lib.stack(rows)


def clear_cases(pooling, bidirectional, sharing="batch"):
    """Draw cases, but none where a maximum over time is shared, almost: it has two gradients."""
    cases = (drawn(seed, pooling, bidirectional, sharing) for seed in count())
    return (case for case in cases if "max" not in pooling or _least_lead(case) > 1e-5)


def _least_lead(case):
    """How far the highest state is above the second highest where that is the least."""
    exact = [array.astype(np.float64) for array in case["tensors"]]
    ways = [way for ways in slow_readings(np, exact, case) for way in ways if len(way) > 1]
    highest = [np.sort(np.stack(way), axis=0)[-2:] for way in ways]
    return min((np.diff(two, axis=0).min() for two in highest), default=1.0)


def drawn(seed, pooling, bidirectional, sharing="batch"):
    """Draw shapes, lengths and rates of dropout, and a case of them."""
    rng = np.random.default_rng([seed, len(pooling), bidirectional])
    time = int(rng.integers(1, 21))
    embedding, hidden = rng.choice([1, 3, 5, 7, 9, 11, 17, 33], 2)
    return made(
        rng,
        lengths=rng.integers(0, time + 1, rng.integers(1, 10)),
        padded_time=time,
        words=rng.integers(1, 30),
        sizes=(embedding, hidden, rng.integers(2, 6)),
        pooling=pooling,
        directions=1 + bidirectional,
        rates=rng.choice([0.0, 0.25, 0.5], 3),
        sharing=sharing,
    )


def made(rng, *, lengths, padded_time, words, sizes, pooling, directions, rates, sharing="batch"):
    """Draw texts, weights and masks; a mask of ones is None to the fused engine."""
    embedding, hidden, classes = sizes
    features = hidden * directions * len(pooling)
    shared = {"batch": (), "text": (len(lengths), 1), "gate": (len(lengths), 4)}[sharing]

    def mask(rate, *shape):
        return dropout_mask(rng, shape, rate).astype(np.float64)

    shapes = [(words, embedding)]
    shapes += [(4 * hidden, embedding), (4 * hidden, hidden), (4 * hidden,)] * directions
    shapes += [(classes, features), (classes,)]
    return {
        "pooling": pooling,
        "directions": directions,
        "padded_time": padded_time,
        "texts": [rng.integers(0, words, length).tolist() for length in lengths],
        "input_masks": [mask(rates[0], *shared, embedding) for _ in range(directions)],
        "state_masks": [mask(rates[1], *shared, hidden) for _ in range(directions)],
        "output_mask": mask(rates[2], len(lengths), features),
        "tensors": [rng.normal(0.0, 0.7, shape).astype(np.float32) for shape in shapes],
        "loss_weights": rng.normal(size=(len(lengths), classes)),
    }


def fused_logits(tensors, case, padding=0, **options):
    """Give the engine a drawn case, right-padded by some row of the word vectors."""
    word_vectors, *weights, output_weights, output_bias = tensors
    positions = torch.full((len(case["texts"]), case["padded_time"]), padding)
    for row, text in enumerate(case["texts"]):
        positions[row, : len(text)] = torch.tensor(text, dtype=torch.int64)
    directions = tuple(
        recurrent.DirectionWeights(*weights[3 * index : 3 * index + 3])
        for index in range(case["directions"])
    )

    def mask(array):
        return (
            None
            if (array == 1.0).all() and array.ndim < 3
            else torch.tensor(array, dtype=torch.float32)
        )

    return recurrent.logits(
        word_vectors,
        positions,
        torch.tensor([len(text) for text in case["texts"]]),
        recurrent.Weights(directions, output_weights, output_bias),
        case["pooling"],
        recurrent.Masks(
            inputs=[mask(array) for array in case["input_masks"]],
            states=[mask(array) for array in case["state_masks"]],
            output=mask(case["output_mask"]),
        ),
        **options,
    )


def parameters(case, dtype=torch.float32):
    return [torch.tensor(array, dtype=dtype, requires_grad=True) for array in case["tensors"]]


def derived(logits, tensors, case):
    """The gradients of a weighted sum of all logits, as float64 arrays."""
    loss = (logits * torch.tensor(case["loss_weights"], dtype=logits.dtype)).sum()
    gradients = torch.autograd.grad(loss, tensors, materialize_grads=True)
    return [gradient.double().numpy() for gradient in gradients]


def in_torch(case):
    """The same case with its masks as torch's float64."""
    changed = {
        name: [torch.tensor(array) for array in case[name]]
        for name in ("input_masks", "state_masks", "output_mask")
    }
    return {**case, **changed}


def relative_error(found, expected):
    """The largest difference, relative to the largest number that belongs there."""
    return np.abs(found - expected).max() / max(np.abs(expected).max(), 1e-3)


@pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "both ways"])
@pytest.mark.parametrize("pooling", POOLINGS, ids="+".join)
def test_outputs_and_all_gradients_are_those_of_a_slow_lstm(pooling, bidirectional, n_cases):
    for number, case in enumerate(islice(clear_cases(pooling, bidirectional), n_cases)):
        slow, fused = parameters(case, torch.float64), parameters(case)
        expected, found = slow_logits(torch, slow, in_torch(case)), fused_logits(fused, case)
        assert relative_error(found.detach().numpy(), expected.detach().numpy()) < 1e-4, number
        pairs = zip(derived(found, fused, case), derived(expected, slow, case), strict=True)
        assert max(relative_error(*pair) for pair in pairs) < 1e-4, number


@pytest.mark.parametrize("sharing", ["text", "gate"])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "both ways"])
@pytest.mark.parametrize("pooling", POOLINGS[:4], ids="+".join)
@pytest.mark.parametrize("padded", [False, True], ids=["packed", "padded as on a GPU"])
def test_with_masks_of_each_text_too(pooling, bidirectional, sharing, padded, n_cases, monkeypatch):
    for number, case in enumerate(islice(clear_cases(pooling, bidirectional, sharing), n_cases)):
        if padded:
            shape = len(case["texts"]), case["padded_time"], torch.device("cpu")
            packing = recurrent.Packing.padded(*shape)
            monkeypatch.setattr(recurrent.Packing, "of", lambda _, packing=packing: packing)
        slow, packed = parameters(case, torch.float64), parameters(case)
        expected, found = slow_logits(torch, slow, in_torch(case)), fused_logits(packed, case)
        assert relative_error(found.detach().numpy(), expected.detach().numpy()) < 1e-4, number
        pairs = zip(derived(found, packed, case), derived(expected, slow, case), strict=True)
        assert max(relative_error(*pair) for pair in pairs) < 1e-4, number


def test_input_masks_of_each_text_alone_keep_the_fused_kernel():
    case = next(clear_cases(("last",), False, "text"))
    case["state_masks"] = [np.ones(mask.shape[-1]) for mask in case["state_masks"]]
    slow, fused = parameters(case, torch.float64), parameters(case)
    expected, found = slow_logits(torch, slow, in_torch(case)), fused_logits(fused, case)
    pairs = zip(derived(found, fused, case), derived(expected, slow, case), strict=True)
    assert max(relative_error(*pair) for pair in pairs) < 1e-4


def test_a_batch_of_texts_without_words_has_zeros_for_its_states():
    rng = np.random.default_rng(0)
    case = made(
        rng, lengths=[0, 0], padded_time=4, words=3, sizes=(5, 3, 2), pooling=("last",),
        directions=1, rates=(0.5, 0.5, 0.0), sharing="gate",
    )  # fmt: skip
    tensors = parameters(case)
    logits = fused_logits(tensors, case)
    assert torch.equal(logits, tensors[-1].expand(2, -1))
    derived(logits, tensors, case)


@pytest.mark.parametrize("seed", range(5))
def test_the_slow_lstm_is_the_same_in_numpy(seed):
    case = drawn(seed, ("last", "max", "mean"), True)
    exact = [array.astype(np.float64) for array in case["tensors"]]
    expected = slow_logits(np, exact, case)
    found = slow_logits(torch, parameters(case, torch.float64), in_torch(case))
    assert found.detach().numpy() == pytest.approx(expected, rel=1e-12, abs=1e-12)


def plain_case():
    """Texts of 0 to 6 of the first 9 words; the tenth stands in none. No mask."""
    case = made(
        np.random.default_rng(0),
        lengths=range(7),
        padded_time=8,
        words=9,
        sizes=(5, 3, 2),
        pooling=("last", "max", "mean"),
        directions=2,
        rates=(0.0, 0.0, 0.0),
    )
    word_vectors, *others = case["tensors"]
    return case | {"tensors": [np.vstack([word_vectors, word_vectors[:1]]), *others]}


def dropped(shape, index):
    mask = np.full(shape, 2.0)
    mask[..., index] = 0.0
    return mask


@pytest.mark.parametrize(
    ("name", "tensor"), [("input_masks", 1), ("state_masks", 2), ("output_mask", -2)]
)
def test_masked_units_have_no_effect_and_no_gradient(name, tensor):
    case = plain_case()
    whole = fused_logits(parameters(case), case)
    size = case["tensors"][tensor].shape[1]
    mask = dropped((7, size), 0) if name == "output_mask" else [dropped(size, 0)] * 2
    masked, tensors = case | {name: mask}, parameters(case)
    logits = fused_logits(tensors, masked)
    assert not torch.allclose(logits, whole, atol=1e-2)
    gradient = derived(logits, tensors, masked)[tensor]
    assert np.abs(gradient[:, 0]).max() == 0.0
    assert np.abs(gradient[:, 1:]).min() > 0.0


def test_each_direction_has_its_own_masks():
    case = plain_case()
    for name, tensor in (("input_masks", 1), ("state_masks", 2)):
        size = case["tensors"][tensor].shape[1]
        one, other = dropped(size, 0), np.ones(size)
        logits = [
            fused_logits(parameters(case), case | {name: masks})
            for masks in ([one, other], [other, one])
        ]
        assert not torch.allclose(*logits, atol=1e-2)


def test_padding_has_no_part_and_learns_nothing():
    case = plain_case()
    tensors, unused = parameters(case), 9
    logits = fused_logits(tensors, case, padding=unused)
    longer = fused_logits(parameters(case), case | {"padded_time": 20}, padding=0)
    assert longer.detach().numpy() == pytest.approx(logits.detach().numpy(), abs=1e-6)
    assert np.abs(derived(logits, tensors, case)[0][unused]).max() == 0.0


def test_bfloat16_follows_float32_as_far_as_its_eight_bits_go():
    case = plain_case()
    found, expected = parameters(case), parameters(case)
    rounded = fused_logits(found, case, precision=torch.bfloat16)
    exact = fused_logits(expected, case)
    assert rounded.dtype == torch.float32
    assert relative_error(rounded.detach().numpy(), exact.detach().numpy()) < 0.03
    assert not torch.equal(rounded, exact)
    pairs = zip(derived(rounded, found, case), derived(exact, expected, case), strict=True)
    assert max(relative_error(gradient, plain) for gradient, plain in pairs) < 0.05


def test_a_text_without_words_has_zeros_for_its_states():
    case = plain_case()
    tensors = parameters(case)
    empty = fused_logits(tensors, case)[0]
    assert torch.equal(empty, tensors[-1])
