"""torch in `make bench-predict`: a bundle's weights in `nn.LSTM`, float32 or bfloat16.

Texts are encoded by wordgate's encoder; batches are of similar length. Each thread has a batch of
its own, which was faster than threads that share one; larger batches were slower.

python torch_peer.py TEXTS BUNDLE {float32,bfloat16}
"""

import sys

import numpy as np
import torch
from torch import Tensor, nn
from worker import read_texts, serve

from wordgate.bundle.folder import BundleFolder
from wordgate.models.lstm import Network
from wordgate.runtime.parallel import parallel_for
from wordgate.text.batches import PaddedBatch, bucketed

BATCH = 128


def main() -> None:
    """Load and serve."""
    file, bundle, variant = sys.argv[1:]
    folder = BundleFolder.open(bundle)
    model = folder.model(folder.config())
    classifier = Classifier(model.network).to(getattr(torch, variant)).eval()
    torch.set_num_threads(1)

    def predict(texts: list[str]) -> np.ndarray:
        encoded = model.encoder.encode(texts)
        proba = np.empty((len(texts), len(model.network.output_bias)), np.float32)

        def judge(batch: PaddedBatch) -> None:
            with torch.inference_mode():
                found = classifier(torch.from_numpy(batch.ids), torch.from_numpy(batch.lengths))
            proba[batch.rows] = found.numpy()

        parallel_for(judge, bucketed(encoded, batch_size=BATCH, rng=None), threads=None)
        return proba

    serve(predict, read_texts(file), ["torch", "numpy"])


class Classifier(nn.Module):
    """The notebook's network, as torch has it."""

    def __init__(self, network: Network):
        super().__init__()
        (forward,) = network.directions
        hidden, embedding = forward.hidden_weights.shape[1], network.embedding.shape[1]
        self.embedding = nn.Embedding.from_pretrained(torch.tensor(network.embedding))
        self.lstm = nn.LSTM(embedding, hidden, batch_first=True)
        self.output = nn.Linear(hidden, len(network.output_bias))
        weights = {
            "lstm.weight_ih_l0": forward.input_weights,
            "lstm.weight_hh_l0": forward.hidden_weights,
            "lstm.bias_ih_l0": forward.bias,
            "lstm.bias_hh_l0": np.zeros_like(forward.bias),
            "output.weight": network.output_weights,
            "output.bias": network.output_bias,
        }
        tensors = {name: torch.tensor(array) for name, array in weights.items()}
        self.load_state_dict(tensors, strict=False)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        """Judge texts: int64 [batch, time] and [batch] give float32 [batch, classes]."""
        states, _ = self.lstm(self.embedding(ids))
        last = states[torch.arange(len(ids)), lengths.clamp(min=1) - 1]
        last = last * (lengths > 0)[:, None]  # no word, no state
        return self.output(last).float().softmax(dim=1)


if __name__ == "__main__":
    main()
