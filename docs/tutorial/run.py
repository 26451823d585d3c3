"""Execute the notebooks of the tutorial in order and store their outputs: `make tutorial`.

The tweets are taken from the folder WORDGATE_DATA_HOME, else from the folder of real data that the
benchmarks use (WORDGATE_REAL_DATA), else downloaded with kagglehub. Models and word vectors are
written to a temporary folder that all notebooks share.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1] / "benchmarks"))

from real_data import FOLDER as REAL_DATA  # noqa: E402

LIMIT, DATA_HOME = "WORDGATE_TUTORIAL_LIMIT", "WORDGATE_DATA_HOME"
NAME, FILE = "twitter-entity-sentiment", "twitter_training.csv"
METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}
"""The same on every machine: no versions and no times."""


def notebooks() -> list[Path]:
    """List the notebooks in order."""
    return sorted(HERE.glob("*.ipynb"))


def execute(notebook: NotebookNode, folder: Path) -> NotebookNode:
    """Run all cells of a notebook in a kernel of its own.

    Args:
        notebook: The notebook; its outputs are replaced.
        folder: Where it runs.

    Returns:
        The notebook, without any trace of where or when it ran.

    Raises:
        nbclient.exceptions.CellExecutionError: A cell failed.
    """
    client = NotebookClient(
        notebook,
        timeout=None,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        extra_arguments=["--log-level=ERROR"],  # it would warn that it talks TCP, to this very host
        resources={"metadata": {"path": str(folder)}},
    )
    client.execute()
    notebook.metadata = nbformat.from_dict(METADATA)
    for cell in notebook.cells:
        cell.metadata = NotebookNode()
    return notebook


def provide_data(folder: Path) -> None:
    """Make the data set available by its name, unless WORDGATE_DATA_HOME is set."""
    if DATA_HOME in os.environ or not (REAL_DATA / FILE).exists():
        return
    place = folder / NAME / FILE
    place.parent.mkdir(parents=True)
    place.symlink_to((REAL_DATA / FILE).absolute())
    os.environ[DATA_HOME] = str(folder)


def main() -> None:
    """Execute the notebooks, and write each as soon as it is done."""
    parser = argparse.ArgumentParser(description="Execute the tutorial's notebooks.")
    parser.add_argument("--out", type=Path, default=HERE, help="where to write (default: in place)")
    parser.add_argument("notebooks", nargs="*", type=Path, help="which (default: all)")
    options = parser.parse_args()
    out = options.out
    if os.environ.get(LIMIT) and out.resolve() == HERE.resolve():
        sys.exit(f"{LIMIT} is set: give --out FOLDER, so that a trial doesn't replace the outputs")
    # tqdm would say in every notebook that it could draw nicer bars with ipywidgets.
    os.environ["PYTHONWARNINGS"] = "ignore:IProgress"
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as work:
        provide_data(Path(home))
        for path in options.notebooks or notebooks():
            started = time.monotonic()
            done = execute(nbformat.read(path, as_version=4), Path(work))
            nbformat.write(done, out / path.name)
            print(f"{path.name}: {time.monotonic() - started:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
