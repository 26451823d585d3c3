"""Commands that torchrun starts in several processes: one leads, the others help it to train.

Nothing here imports torch.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wordgate.training.torch_group import TorchGroup

_VARIABLES = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
_current: "TorchGroup | None" = None


def current_group() -> "TorchGroup | None":
    """Give the group in which this process leads; None if it was not started so."""
    return _current


@contextmanager
def joined_processes() -> Iterator[bool]:
    """Join the other processes that the environment names, such as those of torchrun, if any.

    Yields:
        Whether this process does the command's work. Otherwise it has helped another one to train,
        until that came to its end, and there is nothing left to do.

    Raises:
        LostProcessError: Another process has ended unexpectedly.
    """
    global _current
    if not all(os.environ.get(name) for name in _VARIABLES) or os.environ["WORLD_SIZE"] == "1":
        yield True
        return
    from wordgate.runtime.cpu import choose_threads, wait_asleep

    wait_asleep()
    import torch

    from wordgate.training.data_parallel import serve
    from wordgate.training.torch_group import TorchGroup

    leads = os.environ["RANK"] == "0"
    if not leads:  # it ends when the one that leads does, which keeps its training before
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        torch.set_num_threads(choose_threads())
    group = TorchGroup()
    if not leads:
        serve(group)
        yield False
    else:
        _current = group
        try:
            yield True
        finally:
            _current = None
        group.send(None)
    group.close()
