"""Commands that torchrun starts in several processes: rank 0 runs, the others train with it.

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
    """Return the group of which this process is rank 0; None if torchrun has not started it."""
    return _current


@contextmanager
def distributed() -> Iterator[bool]:
    """Join the processes that the environment variables of torchrun name, if there are any.

    Yields:
        Whether this process is rank 0, which runs the command. Another one has served rank 0 until
        that ended, and has nothing left to do.

    Raises:
        LostProcessError: Another process has ended unexpectedly.
    """
    global _current
    if not all(os.environ.get(name) for name in _VARIABLES) or os.environ["WORLD_SIZE"] == "1":
        yield True
        return
    from wordgate.runtime.threads import choose_threads, wait_asleep

    wait_asleep()
    import torch

    from wordgate.training.data_parallel import serve
    from wordgate.training.torch_group import TorchGroup

    is_first = os.environ["RANK"] == "0"
    if not is_first:  # it ends when rank 0 does, which saves a checkpoint before
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        torch.set_num_threads(choose_threads())
    group = TorchGroup.of_torchrun()
    if not is_first:
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
