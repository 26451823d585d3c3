"""Texts a second: `make bench-predict`.

One thread, the default recipe's sizes, random weights, texts of the tweets' lengths. Peers: the
same weights in torch (`nn.LSTM`, batches sorted by length, float32), and padded to 96 as the
notebook does. Encoding is left out; medians of five alternating runs.
"""

import statistics
import time

import numpy as np
import torch

from wordgate.models.network import Direction, Network
from wordgate.settings import load_settings
from wordgate.text.batches import bucketed
from wordgate.text.encoder import EncodedTexts

TEXTS, WORDS, LABELS, REPEATS, PADDED = 8192, 9300, 3, 5, 96


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    network, encoded = _network(), _texts()
    ways = {
        "wordgate (numpy)": lambda: network.log_proba(encoded),
        "torch nn.LSTM, sorted by length": lambda: _torch(network, encoded, pad_to=4),
        f"torch nn.LSTM, padded to {PADDED}": lambda: _torch(network, encoded, pad_to=PADDED),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(REPEATS):
        for name, predict in ways.items():
            started = time.perf_counter()
            predict()
            rates[name].append(len(encoded) / (time.perf_counter() - started))
    ours = statistics.median(next(iter(rates.values())))
    print("| way | texts/s | wordgate is faster by |\n|---|---|---|")
    for name, measured in rates.items():
        rate = statistics.median(measured)
        print(f"| {name} | {rate:,.0f} | {ours / rate:.1f} |")


def _network() -> Network:
    settings, rng = load_settings("default"), np.random.default_rng(0)

    def draw(*shape: int) -> np.ndarray:
        return rng.normal(0, 0.1, shape).astype(np.float32)

    hidden, size = settings.hidden_size, settings.embedding_size
    n_directions = 2 if settings.bidirectional else 1
    directions = tuple(
        Direction(draw(4 * hidden, size), draw(4 * hidden, hidden), draw(4 * hidden))
        for _ in range(n_directions)
    )
    features = hidden * n_directions * len(settings.pooling)
    return Network(
        draw(WORDS, size), directions, draw(LABELS, features), draw(LABELS), settings.pooling
    )


def _texts() -> EncodedTexts:
    """Draw lengths as the tweets' (median 18, 99 % at most 66) and words by Zipf's law."""
    rng = np.random.default_rng(1)
    lengths = np.clip(rng.gamma(1.9, 11.5, TEXTS).astype(np.int64), 1, PADDED)
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    ids = np.minimum(rng.zipf(1.3, offsets[-1]), WORDS - 2).astype(np.int32) + 1
    return EncodedTexts(ids=ids, offsets=offsets)


@torch.inference_mode()
def _torch(network: Network, encoded: EncodedTexts, pad_to: int) -> None:
    hidden = network.directions[0].hidden_weights.shape[1]
    table = torch.from_numpy(network.embedding)
    for batch in bucketed(encoded, batch_size=256, rng=None, round_to=pad_to):
        inputs = torch.nn.functional.embedding(torch.from_numpy(batch.ids), table)
        start = torch.zeros(1, len(inputs), hidden)
        for direction in network.directions:
            arrays = (direction.input_weights, direction.hidden_weights, direction.bias)
            weights = [torch.from_numpy(array) for array in arrays]
            weights.append(torch.zeros_like(weights[-1]))
            states, _, _ = torch.lstm(
                inputs, (start, start), weights, True, 1, 0.0, False, False, True
            )
            states.amax(dim=1)


if __name__ == "__main__":
    main()
