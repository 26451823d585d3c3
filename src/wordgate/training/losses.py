"""The losses of networks, for one label a text and for several.

Shapes: ``batch`` texts, ``classes`` labels.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional


@dataclass(frozen=True)
class Loss:
    """Cross-entropy: of softmax for one label a text, of a sigmoid for each label for several.

    The losses of a text's labels are summed, not averaged: once a network knows how frequent the
    labels are, the few that a text bears make up most of its loss, however many others there are,
    so gradients, their clipping and rates that suit one label a text suit several, too.

    Attributes:
        multilabel: Whether a text may have several labels.
        class_weights: float32 [classes], the weights of the labels, for several of the texts that
            bear them; None if all weigh the same.
        label_smoothing: The share of the target that is spread over all labels (Szegedy et al.
            2016): uniformly for one label a text, by `frequencies` for several.
        frequencies: float32 [classes], the share of the texts that bear each label, for several.
    """

    multilabel: bool = False
    class_weights: torch.Tensor | None = None
    label_smoothing: float = 0.0
    frequencies: torch.Tensor | None = None

    def __call__(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Average the losses of a batch.

        Args:
            scores: float32 [batch, classes], before softmax or sigmoid.
            targets: int64 [batch], or float32 [batch, classes] for probabilities.
        """
        if not self.multilabel:
            return functional.cross_entropy(
                scores, targets, weight=self.class_weights, label_smoothing=self.label_smoothing
            )
        if self.frequencies is not None:
            targets = torch.lerp(targets, self.frequencies, self.label_smoothing)
        losses = functional.binary_cross_entropy_with_logits(
            scores, targets, pos_weight=self.class_weights, reduction="none"
        )
        return losses.sum(dim=1).mean()

    @torch.no_grad()
    def metrics(
        self, loss: torch.Tensor, scores: torch.Tensor, targets: torch.Tensor
    ) -> torch.Tensor:
        """Give what `ModelTrainer.update` does of a batch and its loss."""
        if self.multilabel:
            loss = loss / scores.shape[1]
            correct = ((scores >= 0.0) == (targets >= 0.5)).all(dim=1)
        else:
            wanted = targets if targets.ndim == 1 else targets.argmax(dim=1)
            correct = scores.argmax(dim=1) == wanted
        return torch.stack([loss.double() * len(scores), correct.sum().double()])
