"""Load by wrk, whose connections send a request as soon as they have the response."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

SCRIPT = Path(__file__).with_name("post.lua")
THREADS = 1


def wrk(url: str, bodies: Path, connections: int, seconds: int) -> dict[str, Any]:
    """Load a server, and give what wrk found: requests, seconds, p50, p99, statuses, failed."""
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed; on Debian: apt-get install wrk")
    done = subprocess.run(
        ["wrk", f"-t{THREADS}", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s",
         "-s", str(SCRIPT), f"{url}/v1/predict", "--", str(bodies), str(THREADS)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report
