"""A peer of `make bench-train`: the same network in plain torch, as people write it.

`nn.Embedding`, `nn.LSTM`, the state at each text's last real step, dense Adam, float32. Dropout of
the word vectors is `nn.Dropout`'s; nn.LSTM has no recurrent dropout. Three ways to feed it:
``padded`` to 96 steps, ``bucketed`` by length, and ``packed``: bucketed, as a PackedSequence.

    python torch_peer.py bucketed ROWS.npz RESULTS.jsonl --seed 0
"""

import time

import numpy as np
import torch
from journal import asked_for, record, record_end
from parts import LONGEST, Part, bucketed, by_length, read_parts, shuffled
from torch import Tensor, nn

LEARNING_RATE = 2e-3
HIDDEN = 128
WARM_UP_BATCHES = 20


def main() -> None:
    """Train one model, and write down what each epoch came to."""
    options = asked_for(["padded", "bucketed", "packed"], __doc__)
    if options.threads:
        torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    parts, vectors = read_parts(options.rows)
    n_classes = int(parts["train"].targets.max()) + 1
    training = Training(Classifier(vectors, n_classes), options.variant, options.seed)
    if options.timed:
        training.warm_up(parts["train"])
    best, best_epoch, best_weights = 0.0, 0, {}
    for epoch in range(1, (options.timed or options.epochs) + 1):
        started = time.perf_counter()
        loss, accuracy = training.run_epoch(parts["train"])
        seconds = time.perf_counter() - started
        val_loss, val_accuracy = training.judge(parts["valid"])
        record(
            options.results,
            epoch=epoch,
            seconds=seconds,
            seconds_with_validation=time.perf_counter() - started,
            accuracy=accuracy,
            loss=loss,
            val_accuracy=val_accuracy,
            val_loss=val_loss,
        )
        if options.timed:
            continue
        if val_accuracy > best:
            best, best_epoch = val_accuracy, epoch
            best_weights = {k: v.clone() for k, v in training.model.state_dict().items()}
        if val_accuracy >= options.stop_at or epoch - best_epoch >= options.patience:
            break
    scores: dict[str, float] = {}
    if not options.timed:
        training.model.load_state_dict(best_weights)
        scores["test_loss"], scores["test_accuracy"] = training.judge(parts["test"])
    record_end(options.results, **scores, torch=torch.__version__, threads=torch.get_num_threads())


class Classifier(nn.Module):
    """The notebook's network, as torch has it."""

    def __init__(self, vectors: np.ndarray, n_classes: int):
        super().__init__()
        weights = torch.from_numpy(vectors.copy())
        self.embedding = nn.Embedding.from_pretrained(weights, freeze=False, padding_idx=0)
        self.input_dropout = nn.Dropout(0.2)
        self.lstm = nn.LSTM(vectors.shape[1], HIDDEN, batch_first=True)
        self.output_dropout = nn.Dropout(0.2)
        self.output = nn.Linear(HIDDEN, n_classes)

    def forward(self, ids: Tensor, lengths: Tensor, *, packed: bool) -> Tensor:
        """Score the labels: int64 [batch, time] and [batch] give float32 [batch, classes]."""
        inputs = self.input_dropout(self.embedding(ids))
        if packed:
            inputs = nn.utils.rnn.pack_padded_sequence(
                inputs, lengths, batch_first=True, enforce_sorted=False
            )
            last = self.lstm(inputs)[1][0][0]
        else:
            states, _ = self.lstm(inputs)
            last = states[torch.arange(len(ids)), lengths - 1]
        return self.output(self.output_dropout(last))


class Training:
    """A model, its optimizer and its way to be fed."""

    def __init__(self, model: Classifier, variant: str, seed: int):
        self.model, self.variant = model, variant
        self.rng = np.random.default_rng(seed)
        self.optimizer = torch.optim.Adam(model.parameters(), LEARNING_RATE)

    def run_epoch(self, part: Part) -> tuple[float, float]:
        """Pass over a part once: its loss and accuracy on the way."""
        self.model.train()
        deal = shuffled if self.variant == "padded" else bucketed
        loss, right = 0.0, 0
        for rows in deal(part, self.rng):
            batch_loss, batch_right = self.update(part, rows)
            loss, right = loss + batch_loss, right + batch_right
        return loss / len(part), right / len(part)

    def warm_up(self, part: Part) -> None:
        """Make a few updates, the shortest texts' and the longest's among them."""
        self.model.train()
        batches = by_length(part)
        for place in np.linspace(0, len(batches) - 1, WARM_UP_BATCHES).astype(int):
            self.update(part, batches[place])

    def update(self, part: Part, rows: np.ndarray) -> tuple[float, int]:
        """Make one update: the batch's summed loss, and how many texts were labelled right."""
        targets = torch.from_numpy(part.targets[rows])
        scores = self.scores(part, rows)
        loss = nn.functional.cross_entropy(scores, targets)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss.item() * len(rows), int((scores.argmax(dim=1) == targets).sum())

    @torch.inference_mode()
    def judge(self, part: Part) -> tuple[float, float]:
        """Give the loss and the accuracy on a part."""
        self.model.eval()
        loss, right = 0.0, 0
        for rows in by_length(part):
            targets = torch.from_numpy(part.targets[rows])
            scores = self.scores(part, rows)
            loss += nn.functional.cross_entropy(scores, targets, reduction="sum").item()
            right += int((scores.argmax(dim=1) == targets).sum())
        return loss / len(part), right / len(part)

    def scores(self, part: Part, rows: np.ndarray) -> Tensor:
        """Pad a batch and score it; a text without any token is one step of padding."""
        time = LONGEST if self.variant == "padded" else part.width(rows, multiple=4)
        ids = torch.from_numpy(part.padded(rows, time, "end"))
        lengths = torch.from_numpy(np.maximum(part.lengths[rows], 1))
        return self.model(ids, lengths, packed=self.variant == "packed")


if __name__ == "__main__":
    main()
