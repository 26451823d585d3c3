"""A group of processes of one machine, which exchange gradients through shared memory."""

import mmap
import os
import pickle
import signal
import socket
import sys
import threading
from collections.abc import Sequence
from typing import IO, Any

import numpy as np
import torch
from torch import Tensor

from wordgate.training.data_parallel import ProcessGroup
from wordgate.training.processes import LostProcessError, shared_memory

_UPDATE, _STOP, _READY, _MEMORY, _FAILED = b"u", b"s", b"r", b"m", b"f"
_ALIGNMENT = 64  # bytes


class LocalGroup(ProcessGroup):
    """Processes of one machine, synchronized by single bytes through sockets.

    Args:
        rank: The number of this process.
        world_size: The number of processes.
        sockets: In rank 0 those to the others by rank; elsewhere the one to rank 0.
    """

    def __init__(self, rank: int, world_size: int, sockets: Sequence[socket.socket]):
        self.rank, self.world_size = rank, world_size
        self._sockets = sockets
        self._areas: list[Tensor] = []  # float32 [rank, numbers] each, used in turn

    def send(self, message: object) -> None:
        """Send an object, from rank 0 to all others or from another one to rank 0.

        It is written to shared memory once; the arrays of the received object stay there.
        """
        self._send_pickled(_MEMORY, message)

    def receive(self) -> Any:
        """Receive an object from rank 0, or in rank 0 from rank 1."""
        _, memory = self._read(0)
        return _unpickled(memory)

    def fail(self, report: str) -> None:
        """Send rank 0 the traceback with which this process ends."""
        self._send_pickled(_FAILED, report)

    def stop_with_rank_0(self) -> None:
        """Have this process interrupted as by SIGTERM if rank 0 ends while this one computes."""

        def watch() -> None:
            try:
                ended = not self._sockets[0].recv(1, socket.MSG_PEEK)
            except OSError:
                ended = True
            if ended:
                os.kill(os.getpid(), signal.SIGTERM)

        threading.Thread(target=watch, daemon=True).start()

    def next_update(self, *, more: bool = False) -> bool:
        """Tell all processes whether there is another update; see `ProcessGroup`."""
        if self.rank == 0:
            self._write(_UPDATE if more else _STOP)
            return more
        return self._read(0)[0] == _UPDATE

    def all_gather(self, own: Sequence[Tensor]) -> list[Tensor]:
        """Gather through shared memory; see `ProcessGroup`.

        Two areas take turns: at the barrier after writing to one of them, all processes have read
        the other.
        """
        size = sum(tensor.numel() for tensor in own)
        if not self._areas or self._areas[0].shape[1] < size:
            self._areas = self._allocate(2 * size)
        area = self._areas[0]
        self._areas.reverse()
        torch.cat([tensor.flatten() for tensor in own], out=area[self.rank, :size])
        self._barrier()
        return list(area[:, :size])

    def _barrier(self) -> None:
        """Wait until all processes are here."""
        if self.rank == 0:
            for place in range(len(self._sockets)):
                self._read(place)
            self._write(_READY)
        else:
            self._write(_READY)
            self._read(0)

    def _allocate(self, width: int) -> list[Tensor]:
        """Map two areas of shared memory, float32 [rank, width] each, into all processes."""
        shape = 2, self.world_size, width
        if self.rank == 0:
            with shared_memory() as file:
                file.truncate(4 * int(np.prod(shape)))
                self._write(_MEMORY, file)
                memory = mmap.mmap(file.fileno(), 0)
        else:
            _, memory = self._read(0, mmap.ACCESS_WRITE)
        return list(torch.frombuffer(memory, dtype=torch.float32).view(shape))

    def _send_pickled(self, kind: bytes, message: object) -> None:
        with shared_memory() as file:
            _write_pickled(message, file)
            self._write(kind, file)

    def _write(self, kind: bytes, memory: IO[bytes] | None = None) -> None:
        """Send all connected processes a byte, and the descriptor of a file if there is one."""
        place = 0
        try:
            for place, connection in enumerate(self._sockets):  # noqa: B007 - used where it fails
                if memory is None:
                    connection.sendall(kind)
                else:
                    socket.send_fds(connection, [kind], [memory.fileno()])
        except OSError:
            while True:  # it may have sent its error before it ended
                self._read(place)

    def _read(self, place: int, access: int = mmap.ACCESS_COPY) -> tuple[bytes, Any]:
        """Read a byte, and map the file whose descriptor comes with it, None if there is none.

        Raises:
            LostProcessError: The other process has ended, or tells that it failed.
        """
        other = 0 if self.rank else place + 1
        try:
            kind, descriptors, _, _ = socket.recv_fds(self._sockets[place], 1, 1)
        except OSError as error:
            raise LostProcessError(other, self.world_size) from error
        if not kind:
            raise LostProcessError(other, self.world_size)
        memory = None
        for descriptor in descriptors:
            try:
                memory = mmap.mmap(descriptor, 0, access=access)
            finally:
                os.close(descriptor)
        if kind == _FAILED:
            raise LostProcessError(other, self.world_size, _unpickled(memory))
        return kind, memory


def _write_pickled(message: object, file: IO[bytes]) -> None:
    """Write a pickled object, followed by its arrays, each at a multiple of 64 bytes.

    The file begins with the number of these parts and their sizes in bytes, int64.
    """
    arrays: list[pickle.PickleBuffer] = []
    content = pickle.dumps(message, protocol=5, buffer_callback=arrays.append)
    parts = [memoryview(content), *(array.raw() for array in arrays)]
    sizes = np.array([len(parts), *map(len, parts)], np.int64)
    for part in (memoryview(sizes.tobytes()), *parts):
        file.write(part)
        file.write(bytes(-len(part) % _ALIGNMENT))
    file.flush()


def _unpickled(memory: Any) -> Any:
    """Read what `_write_pickled` wrote; its arrays stay in the memory."""
    view, count = memoryview(memory), int.from_bytes(memory[:8], sys.byteorder)
    sizes = np.frombuffer(view, np.int64, 1 + count)
    steps = -(-np.array([sizes.nbytes, *sizes[1:]]) // _ALIGNMENT) * _ALIGNMENT
    starts = np.cumsum(steps).tolist()
    parts = [
        view[start : start + size] for start, size in zip(starts, sizes[1:].tolist(), strict=False)
    ]
    return pickle.loads(parts[0], buffers=parts[1:])  # noqa: S301 - of our own processes
