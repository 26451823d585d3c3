"""The losses of networks, for one label per text and for several.

Shapes: ``batch`` texts, ``classes`` labels.
"""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from wordgate.models.base import log_sigmoid
from wordgate.settings import Settings

_SMALLEST = 1e-6
"""Minimum of 1 - p in the focal loss, whose power has no derivative at 0."""


@dataclass(frozen=True)
class Loss:
    """Cross-entropy or focal loss: of softmax for one label per text, of sigmoids for several.

    The losses of the labels of a text are summed, not averaged: after a network has learned the
    frequencies of the labels, the few that a text has make up most of its loss, however many others
    there are. So clipping and learning rates for one label per text are suitable for several, too.

    Attributes:
        multilabel: Whether a text may have several labels.
        class_weights: float32 [classes], the weights of the labels, for several of the texts that
            have them; None if all weigh the same.
        label_smoothing: The share of the target that is spread over all labels (Szegedy et al.
            2016): uniformly for one label per text, by `frequencies` for several.
        frequencies: float32 [classes], the share of the texts that have each label, for several.
        gamma: The exponent of the focal loss (Lin et al. 2017, "Focal loss for dense object
            detection", arXiv 1708.02002); 0 for cross-entropy.
    """

    multilabel: bool = False
    class_weights: torch.Tensor | None = None
    label_smoothing: float = 0.0
    frequencies: torch.Tensor | None = None
    gamma: float = 0.0

    @classmethod
    def of(
        cls,
        settings: Settings,
        class_weights: NDArray[np.float64] | None,
        log_odds: NDArray[np.float64] | None,
        *,
        label_smoothing: float = 0.0,
        device: torch.device | None = None,
    ) -> "Loss":
        """Return the loss that the settings ask for.

        Args:
            settings: Those of the table ``loss`` are used.
            class_weights: float64 [classes]; None if all weigh the same.
            log_odds: float64 [classes], `prior_log_odds`; None for one label per text.
            label_smoothing: See the attribute.
            device: Where it is computed; None for the processor.
        """

        def tensor(array: NDArray[np.float64] | None) -> torch.Tensor | None:
            return None if array is None else torch.from_numpy(array).float().to(device)

        return cls(
            multilabel=log_odds is not None,
            class_weights=tensor(class_weights),
            label_smoothing=label_smoothing,
            frequencies=tensor(None if log_odds is None else np.exp(log_sigmoid(log_odds))),
            gamma=settings.loss.focal_gamma if settings.loss.function == "focal" else 0.0,
        )

    def __call__(
        self,
        scores: torch.Tensor,
        targets: torch.Tensor,
        text_weights: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Average the losses of a batch.

        The mean for one label per text is over the weights of the texts' labels, as in torch.

        Args:
            scores: float32 [batch, classes], before softmax or sigmoid.
            targets: int64 [batch], or float32 [batch, classes] for probabilities.
            text_weights: float32 [batch], or [batch, classes] for each label of several, of a mean
                of 1 over all training texts; None if all weigh the same.
        """
        if not (self.multilabel or self.gamma) and text_weights is None:
            return functional.cross_entropy(
                scores, targets, weight=self.class_weights, label_smoothing=self.label_smoothing
            )
        return self._summed(scores, targets, text_weights) / self.total_weight(targets)

    def _summed(
        self, scores: torch.Tensor, targets: torch.Tensor, text_weights: torch.Tensor | None
    ) -> torch.Tensor:
        """Sum the weighted losses of texts; arguments as for `__call__`."""
        of_texts = self._of_sigmoids if self.multilabel else self._of_softmax
        losses = of_texts(scores, targets)
        if text_weights is not None and text_weights.ndim == 2:
            losses = losses * text_weights
        if self.multilabel:
            losses = losses.sum(dim=1)
        if text_weights is not None and text_weights.ndim == 1:
            losses = losses * text_weights
        return losses.sum()

    def total_weight(self, targets: torch.Tensor) -> torch.Tensor | float:
        """Return the divisor of the summed losses of texts, for targets as for `__call__`."""
        if self.class_weights is None or targets.ndim == 2:
            return len(targets)
        return self.class_weights[targets].sum()

    def part(
        self,
        scores: torch.Tensor,
        targets: torch.Tensor,
        text_weights: torch.Tensor | None,
        of_batch: torch.Tensor,
    ) -> torch.Tensor:
        """Return the part of some texts of a batch, of all these targets, in its average loss."""
        if len(targets) == len(of_batch):
            return self(scores, targets, text_weights)
        return self._summed(scores, targets, text_weights) / self.total_weight(of_batch)

    def _of_softmax(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Compute the loss of each text, [batch]."""
        if not self.gamma:
            return functional.cross_entropy(
                scores,
                targets,
                weight=self.class_weights,
                label_smoothing=self.label_smoothing,
                reduction="none",
            )
        n_classes = scores.shape[1]
        if targets.ndim == 1:
            targets = functional.one_hot(targets, n_classes).to(scores.dtype)
        targets = targets * (1.0 - self.label_smoothing) + self.label_smoothing / n_classes
        log_proba = torch.log_softmax(scores, dim=1)
        losses = -targets * log_proba
        losses = losses * (1.0 - log_proba.exp()).clamp(min=_SMALLEST) ** self.gamma
        if self.class_weights is not None:
            losses = losses * self.class_weights
        return losses.sum(dim=1)

    def _of_sigmoids(self, scores: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """Compute the losses of each text's labels, [batch, classes]."""
        if self.frequencies is not None:
            targets = torch.lerp(targets, self.frequencies, self.label_smoothing)
        borne, lacking = functional.logsigmoid(scores), functional.logsigmoid(-scores)
        of_borne, of_lacking = -targets * borne, (targets - 1.0) * lacking
        if self.gamma:
            of_borne = of_borne * torch.exp(self.gamma * lacking)
            of_lacking = of_lacking * torch.exp(self.gamma * borne)
        if self.class_weights is not None:
            of_borne = of_borne * self.class_weights
        return of_borne + of_lacking

    @torch.no_grad()
    def metrics(
        self,
        loss: torch.Tensor,
        scores: torch.Tensor,
        targets: torch.Tensor,
        of_batch: torch.Tensor,
    ) -> torch.Tensor:
        """Return [2], the summed loss of some texts of a batch, and how many are correct.

        The loss is the result of `part` for them.
        """
        loss = loss * (len(of_batch) / len(targets))
        if self.multilabel:
            loss = loss / scores.shape[1]
            correct = ((scores >= 0.0) == (targets >= 0.5)).all(dim=1)
        else:
            wanted = targets if targets.ndim == 1 else targets.argmax(dim=1)
            correct = scores.argmax(dim=1) == wanted
        return torch.stack([loss.double() * len(scores), correct.sum().double()])
