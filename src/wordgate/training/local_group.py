"""A group of processes on one machine, with the same weights in shared memory."""

import mmap
import os
import pickle
import signal
import socket
import threading
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from wordgate.training.data_parallel import LostProcessError, ProcessGroup

_LENGTH_BYTES = 8
_UPDATE, _END, _READY = b"u", b"e", b"."


class LocalGroup(ProcessGroup):
    """Processes of one machine, which have the same weights in shared memory.

    Each of them moves a part of the weights. They meet by single bytes through sockets: those of
    rank 0 lead to all others.

    Args:
        rank: The number of this process.
        size: The number of processes.
        sockets: In rank 0 those to the others by rank; elsewhere the one to rank 0.
        memory: The file descriptor of the shared memory.
    """

    def __init__(self, rank: int, size: int, sockets: Sequence[socket.socket], memory: int):
        self.rank, self.size = rank, size
        self._sockets, self._memory = sockets, memory
        self._end = 0  # of the part of the memory that is in use
        self._areas: list[Tensor] = []

    def send(self, message: object) -> None:
        """Send an object; see `ProcessGroup`."""
        content = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
        self._write(len(content).to_bytes(_LENGTH_BYTES, "big"))
        self._write(content)
        self._end, self._areas = 0, []

    def receive(self) -> Any:
        """Receive an object; see `ProcessGroup`."""
        length = int.from_bytes(self._read(0, _LENGTH_BYTES), "big")
        message = pickle.loads(self._read(0, length))  # noqa: S301 - of our own parent process
        self._end, self._areas = 0, []
        return message

    def answer(self, message: object) -> None:
        """Send an object from the process of rank 1 to rank 0."""
        self.send(message)

    def receive_answer(self) -> Any:
        """Receive in rank 0 what rank 1 answers."""
        return self.receive()

    def end_with_others(self) -> None:
        """Have this process interrupted as by SIGTERM if rank 0 ends while this one computes."""

        def watch() -> None:
            try:
                ended = not self._sockets[0].recv(1, socket.MSG_PEEK)
            except OSError:
                ended = True
            if ended:
                os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=watch, daemon=True).start()

    def begin_update(self) -> None:
        """Have the others go on; see `ProcessGroup`."""
        self._write(_UPDATE)

    def end_updates(self) -> None:
        """Have the others stop; see `ProcessGroup`."""
        self._write(_END)

    def has_update(self) -> bool:
        """Wait for rank 0; see `ProcessGroup`."""
        return self._read(0, 1) == _UPDATE

    def share(self, tensor: Tensor) -> Tensor:
        """Move a tensor into shared memory; see `ProcessGroup`."""
        shared = self._allocate(tensor.numel()).view(tensor.shape)
        if self.rank == 0:
            shared.copy_(tensor)
        return shared

    def gather(self, own: Sequence[Tensor], lengths: Sequence[int]) -> list[Tensor]:
        """Gather through shared memory; see `ProcessGroup`.

        Two areas take turns: whoever writes into one has met all others since they read it.
        """
        if not self._areas or self._areas[0].shape[1] < max(lengths):
            self._areas = [self._allocate(2 * self.size * max(lengths)) for _ in range(2)]
            self._areas = [area.view(self.size, -1) for area in self._areas]
        area = self._areas[0]
        self._areas.reverse()
        if own:
            flat = [tensor.flatten() for tensor in own]
            torch.cat(flat, out=area[self.rank, : lengths[self.rank]])
        self.meet()
        return [slot[:length] for slot, length in zip(area, lengths, strict=True)]

    def gather_parts(self, own: Tensor) -> Tensor:
        """Gather what the others have of their parts; see `ProcessGroup`."""
        return torch.cat(self.gather([own], [len(own)] * self.size))

    def end_update(self) -> None:
        """Let rank 0 wait for all others, which then wait in `has_update`."""
        if self.rank:
            self._write(_READY)
        else:
            self._wait()

    def meet(self) -> None:
        """Wait until all processes are here."""
        if self.rank == 0:
            self._wait()
            self._write(_READY)
        else:
            self._write(_READY)
            self._read(0, 1)

    def _allocate(self, count: int) -> Tensor:
        """Take float32 [count] of the shared memory; all processes must ask for the same."""
        start, size = self._end, max(1, 4 * count)
        self._end += -(-size // mmap.ALLOCATIONGRANULARITY) * mmap.ALLOCATIONGRANULARITY
        if self.rank == 0 and os.fstat(self._memory).st_size < self._end:
            os.ftruncate(self._memory, self._end)
        self.meet()
        area = mmap.mmap(self._memory, size, offset=start)
        return torch.frombuffer(area, dtype=torch.float32, count=count)

    def _wait(self) -> None:
        for place in range(len(self._sockets)):
            self._read(place, 1)

    def _write(self, content: bytes) -> None:
        place = 0
        try:
            for place, one in enumerate(self._sockets):  # noqa: B007 - which it was, if it fails
                one.sendall(content)
        except OSError as error:
            raise self._lost(place) from error

    def _read(self, place: int, length: int) -> bytearray:
        content = bytearray(length)
        view = memoryview(content)
        try:
            while view and (received := self._sockets[place].recv_into(view)):
                view = view[received:]
        except OSError as error:
            raise self._lost(place) from error
        if view:
            raise self._lost(place)
        return content

    def _lost(self, place: int) -> LostProcessError:
        return LostProcessError(0 if self.rank else place + 1, self.size)
