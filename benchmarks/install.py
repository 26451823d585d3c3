"""The size of an installation: `make bench-install`.

Each row is a fresh environment into which pip installs this clone's wheel, with the versions of
constraints.txt. The size is that of the environment less an empty one. Peers: scikit-learn
alone, and torch alone. Which build of torch pip takes depends on its configuration; it is named on
standard error.

    python benchmarks/install.py                      all rows, several gigabytes on Linux
    python benchmarks/install.py wordgate train       these rows
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from printing import print_header, print_row

ROOT = Path(__file__).parents[1]
EXTRAS = ("parquet", "serve", "numba", "onnx", "train", "transformer")
PEERS = ("scikit-learn", "torch")


def main() -> None:
    """Print the table."""
    rows = sys.argv[1:] or ["wordgate", *EXTRAS, *PEERS]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        pip(sys.executable, "wheel", "--quiet", "--no-deps", "--wheel-dir", made, ROOT)
        (wheel,) = folder.glob("*.whl")
        empty = megabytes(environment(folder / "empty"))
        print_header("installed", "MB", "packages")
        for row in rows:
            wanted = row if row in PEERS else str(wheel) if row == "wordgate" else f"{wheel}[{row}]"
            name = row if row in (*PEERS, "wordgate") else f"wordgate[{row}]"
            there = environment(folder / row)
            pip(python(there), "install", "--quiet", "-c", ROOT / "constraints.txt", wanted)
            listed = pip(python(there), "list", "--format=freeze").splitlines()
            packages = [line for line in listed if not line.startswith(("pip=", "setuptools="))]
            print_row(name, f"{megabytes(there) - empty:,.0f}", len(packages))
            torch = next((line for line in packages if line.startswith("torch=")), None)
            if torch is not None:
                cuda = any(line.startswith("nvidia-") for line in packages)
                print(f"{torch}, {'CUDA' if cuda else 'CPU'} build", file=sys.stderr)


def environment(folder: Path) -> Path:
    """Make an empty environment."""
    venv.create(folder, with_pip=True)
    return folder


def python(folder: Path) -> Path:
    """Give an environment's interpreter."""
    return folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def pip(interpreter: str | Path, *arguments: str | Path) -> str:
    """Run pip, and return its output."""
    command = [str(part) for part in (interpreter, "-m", "pip", *arguments)]
    return subprocess.run(command, check=True, text=True, stdout=subprocess.PIPE).stdout


def megabytes(folder: Path) -> float:
    """Sum the sizes of all files below a folder, in 10^6 bytes."""
    files = (path for path in folder.rglob("*") if not path.is_symlink() and path.is_file())
    return sum(path.stat().st_size for path in files) / 1e6


if __name__ == "__main__":
    main()
