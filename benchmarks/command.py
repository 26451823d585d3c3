"""Commands and interpreters of the benchmarks, facts on the machine, and progress messages."""

import json
import os
import platform
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from real_data import real_file
from wordgate.runtime.cpu import available_cores, processor

COMMAND = [sys.executable, "-c", "from wordgate.cli.main import run; run()"]
RESULTS = Path(__file__).parent / "results"


def trained(out: Path, *options: str) -> Path:
    """Train a model of the tweets, with the recipe `default` unless options name another.

    In a process of its own: what is started later begins with the peak of memory of this one.
    """
    say(f"training {out.name}")
    file = str(real_file("twitter_training.csv"))
    command = [*COMMAND, "train", file, "--drop-label", "Irrelevant", "--out", str(out), *options]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{out.name} can't be trained: {done.stderr[-2000:]}")
    return out


def program_of(environment: str, name: str = "python") -> str:
    """Return a program of an environment that `make` sets up, unless a variable names another.

    That of "keras-torch" is WORDGATE_BENCH_KERAS_TORCH, or lies in .venv-keras-torch.
    """
    default = RESULTS.parents[1] / f".venv-{environment}/bin/{name}"
    return os.environ.get(_variable(environment)) or str(default)


def require_program(environment: str, name: str = "python") -> str:
    """Return such a program, or end with the way to install it."""
    program = program_of(environment, name)
    if shutil.which(program) is None:
        sys.exit(f"there is no {program}: run `make` instead, or set {_variable(environment)}")
    return program


def _variable(environment: str) -> str:
    return f"WORDGATE_BENCH_{environment.upper().replace('-', '_')}"


def circumstances(*packages: str) -> dict[str, str]:
    """Name the machine, the versions of some packages, and how busy it is."""
    versions = ", ".join(f"{name} {version(name)}" for name in packages)
    return {
        "machine": f"{processor()}, {available_cores()} cores, {platform.system()}",
        "versions": f"python {platform.python_version()}, {versions}",
        "load": f"{os.getloadavg()[0]:.1f}",
    }


def print_facts(facts: dict[str, object]) -> None:
    """Print a line for each fact, such as `circumstances`."""
    print("\n".join(f"{name}: {value}" for name, value in facts.items()), flush=True)


def write_json(file: str | Path | None, figures: dict[str, object]) -> None:
    """Write figures to a file, if one is given."""
    if file:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


def say(text: str) -> None:
    """Print progress on standard error."""
    print(text, file=sys.stderr, flush=True)
