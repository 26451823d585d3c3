"""The command `wordgate` as the benchmarks run it, and on what."""

import os
import platform
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from real_data import real_file

COMMAND = [sys.executable, "-c", "from wordgate.cli.main import run; run()"]


def trained_default(out: Path) -> Path:
    """Train recipe `default` on the tweets.

    In a process of its own: what is started later begins with the peak of memory of this one.
    """
    file = str(real_file("twitter_training.csv"))
    subprocess.run(
        [*COMMAND, "train", file, "--drop-label", "Irrelevant", "--out", str(out)], check=True
    )
    return out


def circumstances(*packages: str) -> dict[str, str]:
    """Name the machine, the versions of some packages, and how busy it is."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return {
        "machine": f"{platform.processor() or platform.machine()}, {cores} cores, "
        f"{platform.system()}",
        "versions": f"python {platform.python_version()}, {versions}",
        "load": f"{os.getloadavg()[0]:.1f}",
    }
