"""A group of training processes on a Ray cluster: this one is rank 0, the others are tasks.

Rank 0 stays in the command, where the data, the checkpoint and Ctrl-C are. The processes exchange
gradients by `torch.distributed`, as those of torchrun do.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import torch
from torch.distributed import TCPStore  # type: ignore[attr-defined] # absent from torch's stubs

from wordgate.runtime.engine import Engine, Tasks, node_address
from wordgate.runtime.progress import Progress, stage
from wordgate.runtime.threads import choose_threads
from wordgate.training.data_parallel import ProcessGroup, serve
from wordgate.training.torch_group import TorchGroup

_POLL = 0.1  # seconds
_PATIENCE = timedelta(minutes=30)
"""Timeout of rank 0 for the others: the only sign that a whole machine is lost."""


@contextmanager
def ray_group(world_size: int, engine: Engine, progress: Progress) -> Iterator[ProcessGroup]:
    """Form a process group with tasks on a Ray cluster, for the duration of the context.

    Raises:
        SettingsError: The cluster has no room for them.
        WordgateError: The cluster can't be reached, or one of them doesn't start.
        LostProcessError: One of them has ended unexpectedly.
    """
    ranks = range(1, world_size)
    more = "1 more process" if world_size == 2 else f"{len(ranks)} more processes"
    with ExitStack() as stack:
        with stage(progress, f"Starting {more} on the Ray cluster"):
            tasks = stack.enter_context(Tasks(_serve, world_size, engine, together=len(ranks)))
            host = node_address()
            store = TCPStore(host, 0, is_master=True, wait_for_workers=False)
            for rank in ranks:
                tasks.start((rank, host, store.port))
            while not store.check([_ready(rank) for rank in ranks]):
                if (ended := tasks.wait(_POLL)) is not None:
                    ended[1]()  # raises what ended it
            group = TorchGroup(0, world_size, store, _PATIENCE)
        try:
            yield group
            group.send(None)
        finally:
            group.close()


def _serve(world_size: int, place: tuple[int, str, int]) -> None:
    """Join rank 0 at its address and port, and train with it until it ends."""
    rank, host, port = place
    torch.set_num_threads(choose_threads())
    store = TCPStore(host, port)
    store.set(_ready(rank), "")
    group = TorchGroup(rank, world_size, store)
    serve(group)
    group.close()


def _ready(rank: int) -> str:
    """Return the key that a process sets when it is running."""
    return f"ready-{rank}"
