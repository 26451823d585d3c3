"""A group of processes by `torch.distributed`, on one machine or several.

They communicate by gloo on CPUs, and by NCCL on GPUs.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from wordgate.training.data_parallel import ProcessGroup
from wordgate.training.processes import LostProcessError

_TIMEOUT = timedelta(days=7)  # others wait while rank 0 reads, evaluates and reports


class TorchGroup(ProcessGroup):
    """Processes that find each other by a store; ended by `close`.

    Args:
        rank: The number of this process.
        world_size: The number of processes.
        store: The `torch.distributed.Store`; None for that of torchrun, which environment variables
            name.
        timeout: How long to wait for another one.
        backend: The backend of `torch.distributed`.
    """

    def __init__(
        self,
        rank: int,
        world_size: int,
        store: Any,
        timeout: timedelta = _TIMEOUT,
        backend: str = "gloo",
    ):
        self.rank, self.world_size = rank, world_size
        with self._lost_process():
            dist.init_process_group(
                backend, timeout=timeout, world_size=world_size, rank=rank, store=store
            )

    @classmethod
    def of_torchrun(cls) -> "TorchGroup":
        """Join the processes that the environment variables of torchrun name."""
        backend = "gloo"
        local_rank = int(os.environ.get("LOCAL_RANK", "0"))
        if torch.cuda.is_available() and local_rank < torch.cuda.device_count():
            backend = "cpu:gloo,cuda:nccl"
            torch.cuda.set_device(local_rank)
        rank, world_size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
        return cls(rank, world_size, None, backend=backend)

    def send(self, message: object) -> None:
        """Send an object; see `ProcessGroup`."""
        with self._lost_process():
            dist.broadcast_object_list([message], src=0)

    def receive(self) -> Any:
        """Receive an object; see `ProcessGroup`."""
        messages: list[Any] = [None]
        with self._lost_process():
            dist.broadcast_object_list(messages, src=0)
        return messages[0]

    def next_update(self, *, more: bool = False) -> bool:
        """Tell all processes whether there is another update; see `ProcessGroup`."""
        flag = torch.tensor([more], dtype=torch.uint8)
        with self._lost_process():
            dist.broadcast(flag, src=0)
        return bool(flag.item())

    def all_gather(self, own: Sequence[Tensor]) -> list[Tensor]:
        """Gather by an all-gather of `torch.distributed`; see `ProcessGroup`."""
        sent = torch.cat([tensor.flatten() for tensor in own])
        received = [torch.empty_like(sent) for _ in range(self.world_size)]
        with self._lost_process():
            dist.all_gather(received, sent)
        return received

    def close(self) -> None:
        """Leave the group."""
        dist.destroy_process_group()

    @contextmanager
    def _lost_process(self) -> Iterator[None]:
        """Raise `LostProcessError` if one of the others does not answer."""
        try:
            yield
        except RuntimeError as error:
            raise LostProcessError(None, self.world_size) from error
