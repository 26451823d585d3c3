"""A group of processes by `torch.distributed`, on one machine or several, as torchrun starts them.

Each has weights of its own and moves all of them. On the processor they meet by gloo, on GPUs by
NCCL.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from wordgate.training.data_parallel import LostProcessError, ProcessGroup

_PATIENCE = timedelta(days=7)  # others wait while rank 0 reads, evaluates and reports


class TorchGroup(ProcessGroup):
    """The processes that the environment variables of torchrun name; closed by `close`."""

    def __init__(self) -> None:
        self.rank, self.size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        self._device = torch.device("cpu")  # of the tensors that are shared
        backend = "gloo"
        place = int(os.environ.get("LOCAL_RANK", "0"))
        if torch.cuda.is_available() and place < torch.cuda.device_count():
            backend = "cpu:gloo,cuda:nccl"
            torch.cuda.set_device(place)
        with self._others():
            dist.init_process_group(backend, timeout=_PATIENCE)

    @property
    def parts(self) -> Sequence[int]:
        """Give all parts; see `ProcessGroup`."""
        return range(self.size)

    def send(self, message: object) -> None:
        """Send an object; see `ProcessGroup`."""
        with self._others():
            dist.broadcast_object_list([message], src=0)

    def receive(self) -> Any:
        """Receive an object; see `ProcessGroup`."""
        messages: list[Any] = [None]
        with self._others():
            dist.broadcast_object_list(messages, src=0)
        return messages[0]

    def begin_update(self) -> None:
        """Have the others go on; see `ProcessGroup`."""
        self._tell(True)

    def end_updates(self) -> None:
        """Have the others stop; see `ProcessGroup`."""
        self._tell(False)

    def has_update(self) -> bool:
        """Wait for rank 0; see `ProcessGroup`."""
        return self._tell(False)

    def share(self, tensor: Tensor) -> Tensor:
        """Copy a tensor from rank 0; see `ProcessGroup`."""
        self._device = tensor.device
        with self._others():
            dist.broadcast(tensor, src=0)
        return tensor

    def gather(self, own: Sequence[Tensor], lengths: Sequence[int]) -> list[Tensor]:
        """Gather by all of them sending to all; see `ProcessGroup`."""
        sent = torch.zeros(max(lengths), device=self._device)
        if own:
            flat = [tensor.flatten() for tensor in own]
            torch.cat(flat, out=sent[: lengths[self.rank]])
        received = [torch.empty_like(sent) for _ in lengths]
        with self._others():
            dist.all_gather(received, sent)
        return [each[:length] for each, length in zip(received, lengths, strict=True)]

    def close(self) -> None:
        """Leave the group."""
        dist.destroy_process_group()

    def _tell(self, goes_on: bool) -> bool:
        told = torch.tensor([goes_on], dtype=torch.uint8)
        with self._others():
            dist.broadcast(told, src=0)
        return bool(told.item())

    @contextmanager
    def _others(self) -> Iterator[None]:
        """Say so if one of the others does not answer."""
        try:
            yield
        except RuntimeError as error:
            raise LostProcessError(None, self.size) from error
