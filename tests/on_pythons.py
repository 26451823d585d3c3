"""Run the tests that need no extra on every Python at hand: `make test-pythons`.

The wheel and the source distribution are built. For each interpreter the wheel alone is installed
into a fresh environment, and the tests run out of the unpacked source distribution, outside the
clone: what either of them lacks fails there. The models that the tests ask are trained once,
in the environment that runs this script; tests of what only an extra does are skipped.

    python tests/on_pythons.py [PYTHON ...]    instead of all from 3.10 on that are found
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
OLDEST = 10
"""The oldest Python 3 that pyproject.toml allows."""
NEEDED = 1000
"""Tests that must pass at least: a run that skips nearly everything shows nothing."""


def main() -> int:
    """Test on each interpreter, print a table, and return 1 where a test failed."""
    pythons = dict(map(_identified, sys.argv[1:])) if sys.argv[1:] else _found()
    rows, failed = [], False
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        wheel, source = _built(folder / "dist", folder)
        models = _models(source, folder / "models")
        for version, interpreter in sorted(pythons.items()):
            print(f"\nPython {_written(version)} ({interpreter})", flush=True)
            output = _tested(interpreter, wheel, source, models, folder / _written(version))
            closing = output.strip().splitlines()[-1]
            passed = re.search(r"(\d+) passed", closing)
            good = passed is not None and int(passed[1]) >= NEEDED and "failed" not in closing
            failed |= not good or "error" in closing
            rows.append(f"| {_written(version)} | {closing.strip('= ')} |")
    print("\n| Python | tests |\n|---|---|\n" + "\n".join(rows))
    return int(failed or not rows)


def _found() -> dict[tuple[int, ...], str]:
    """Find interpreters on the path and among pyenv's, one of each minor version."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    names = [f"python3.{minor}" for minor in range(OLDEST, 30)]
    candidates = [found for name in names if (found := shutil.which(name))]
    candidates += [str(path) for path in sorted(pyenv.glob("3.*/bin/python"))]
    found: dict[tuple[int, ...], str] = {}
    for candidate in [*candidates, sys.executable]:
        try:
            version, interpreter = _identified(candidate)
        except (OSError, subprocess.CalledProcessError):  # such as pyenv's stand-ins
            continue
        if version >= (3, OLDEST):
            found.setdefault(version, interpreter)
    return found


def _identified(interpreter: str) -> tuple[tuple[int, ...], str]:
    code = "import sys; print(*sys.version_info[:2])"
    printed = subprocess.run(
        [interpreter, "-c", code], check=True, capture_output=True, text=True
    ).stdout
    return tuple(map(int, printed.split())), interpreter


def _written(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def _built(out: Path, folder: Path) -> tuple[Path, Path]:
    """Build both distributions; give the wheel, and the folder of the unpacked source."""
    command = [sys.executable, "-m", "build", "--outdir", str(out), str(ROOT)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    (wheel,), (packed,) = out.glob("*.whl"), out.glob("*.tar.gz")
    with tarfile.open(packed) as archive:
        archive.extractall(folder, filter="data")
    return wheel, folder / packed.name.removesuffix(".tar.gz")


def _models(source: Path, folder: Path) -> Path:
    """Train the models that tests share."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "tests/runtime/test_packages.py",
        "-k",
        "every_family",
    ]
    environment = {**os.environ, "WORDGATE_TEST_MODELS": str(folder)}
    subprocess.run(command, check=True, cwd=source, env=environment)
    return folder


def _tested(interpreter: str, wheel: Path, source: Path, models: Path, folder: Path) -> str:
    """Install the wheel and what tests need into a fresh environment, and run them.

    Returns:
        What pytest printed.
    """
    subprocess.run([interpreter, "-m", "venv", str(folder)], check=True)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    install = [str(python), "-m", "pip", "install", "--quiet"]
    subprocess.run([*install, "--upgrade", "pip>=25.1"], check=True)
    constrained = [*install, "-c", str(source / "constraints.txt")]
    subprocess.run([*constrained, str(wheel)], check=True)
    subprocess.run([*constrained, "--group", f"{source / 'pyproject.toml'}:test"], check=True)
    environment = {**os.environ, "WORDGATE_TEST_MODELS": str(models)}
    environment.pop("PYTHONPATH", None)
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # many processes import the same modules
    tests = subprocess.Popen(
        [str(python), "-m", "pytest", "-n", "auto", "--dist", "worksteal", "tests"],
        cwd=source, env=environment, text=True, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert tests.stdout is not None
    lines = []
    for line in tests.stdout:
        print(line, end="", flush=True)
        lines.append(line)
    tests.wait()
    return "".join(lines)


if __name__ == "__main__":
    sys.exit(main())
