"""`wordgate serve` as a process of the benchmarks."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from command import COMMAND


class Server:
    """A server on a free port of this machine.

    Args:
        bundle: The model.
        options: Options of the command.

    Attributes:
        port: Where it listens.
    """

    def __init__(self, bundle: str | Path, *options: str):
        # A pipe that nobody empties would stop it.
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115
        self._process = subprocess.Popen(
            [*COMMAND, "serve", str(bundle), "--port", "0", *options], stderr=self._stderr
        )
        self.port = 0
        while not self.port and self._process.poll() is None:
            time.sleep(0.05)
            if found := re.search(r" at http://\S+:(\d+)", self.log):
                self.port = int(found[1])
        if not self.port:
            sys.exit(f"the server did not start:\n{self.log}")

    @property
    def log(self) -> str:
        """Read its standard error so far."""
        size = os.fstat(self._stderr.fileno()).st_size
        return os.pread(self._stderr.fileno(), size, 0).decode()

    @property
    def url(self) -> str:
        """Give its address."""
        return f"http://127.0.0.1:{self.port}"

    def megabytes(self, which: str = "VmRSS") -> float:
        """Give its memory now, or with VmHWM its peak so far, in MB of 2^20 bytes."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        (kilobytes,) = re.findall(rf"^{which}:\s+(\d+) kB$", status, re.MULTILINE)
        return int(kilobytes) / 1024

    def processor_seconds(self) -> float:
        """Give the processor time that it has used so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").split()
        return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")

    def forget_peak(self) -> None:
        """Let the peak of memory begin anew from what is held now."""
        Path(f"/proc/{self._process.pid}/clear_refs").write_text("5", encoding="ascii")

    def send(self, number: int = signal.SIGTERM) -> None:
        """Send a signal."""
        self._process.send_signal(number)

    def end(self) -> int:
        """Have it end, and give its exit code."""
        self.send()
        return self.wait()

    def wait(self) -> int:
        """Wait for its end, and give its exit code."""
        return self._process.wait(120)
