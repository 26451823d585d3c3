"""The running average of the weights: what a training without a planned end judges and keeps.

At a constant rate the weights keep moving around the place they tend to; their average over the
latest updates stands nearer to it (Polyak & Juditsky 1992), as they themselves do only after the
rate has fallen. The average is that by polynomial decay (Shamir & Zhang 2013), in which weights
count the more the later they are, and which spans the same share of a training at any length.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

EVERY = 8
"""The average takes the weights in after so many updates: the whole table costs as much as some."""


class WeightAverage:
    """A running average of tensors.

    Args:
        tensors: What is averaged, by name; updates change them in place.
        share: Of all updates so far, the share of latest ones that a plain mean of the same age
            would be over; more than 0, at most 1.
    """

    def __init__(self, tensors: Mapping[str, Tensor], share: float):
        self._tensors = dict(tensors)
        self._exponent = 2.0 / share - 2.0
        self.average = {name: tensor.detach().clone() for name, tensor in tensors.items()}

    @torch.no_grad()
    def update(self, updates: int) -> None:
        """Take the weights in.

        Args:
            updates: How many updates were made, the first counting as 1.
        """
        if updates > EVERY and updates % EVERY:
            return
        weight = 1.0
        if updates > EVERY:
            weight = (self._exponent + 1.0) / (updates / EVERY + self._exponent)
        for name, tensor in self._tensors.items():
            self.average[name].lerp_(tensor, weight)

    def tensors(self) -> dict[str, Tensor]:
        """Name all that an update changes."""
        return {f"average.{name}": tensor for name, tensor in self.average.items()}
