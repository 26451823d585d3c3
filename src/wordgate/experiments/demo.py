"""The demo: a corpus in which only word order tells the label, read by counts and by an LSTM."""

import csv
from dataclasses import dataclass
from pathlib import Path

from wordgate.bundle.folder import check_destination
from wordgate.data.demo import demo_corpus, demo_sentences
from wordgate.errors import BundleError
from wordgate.experiments.train import Training, train
from wordgate.runtime.packages import TORCH, require_extra
from wordgate.runtime.progress import Progress
from wordgate.runtime.threads import choose_threads
from wordgate.storage.files import atomic_output, temporary_path

CORPUS, MODEL = "corpus.csv", "model"


@dataclass(frozen=True)
class Demo:
    """Files and findings of the demo.

    Attributes:
        folder: The folder of `corpus.csv` and `model`.
        growing: Sentences that go on, each with its label and probability at every stage.
    """

    folder: Path
    training: Training
    growing: list[list[tuple[str, str, float]]]


def run_demo(
    folder: str | Path, *, seed: int, progress: Progress, threads: int | None = None
) -> Demo:
    """Write the corpus, train on it the ordinary way, and read sentences as they go on.

    What an earlier demo made in the folder is replaced; anything else is refused.
    """
    require_extra("train", "the demo", TORCH)
    choose_threads(threads)
    folder = Path(folder)
    _make(folder)
    corpus, file = demo_corpus(seed), folder / CORPUS
    with atomic_output(file) as aside, aside.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("group", "label", "text"))
        writer.writerows(zip(corpus.groups, corpus.labels, corpus.texts, strict=True))
    check_destination(folder / MODEL, overwrite=True)
    training = train(folder / CORPUS, seed=seed, threads=threads, progress=progress)
    training.save(folder / MODEL, overwrite=True)
    growing = [_read(training, stages) for stages in demo_sentences()]
    return Demo(folder, training, growing)


def _make(folder: Path) -> None:
    """Make the folder, or see that it holds nothing but an earlier demo."""
    if folder.exists():
        if not folder.is_dir():
            raise BundleError(f"{folder} exists and is not a folder; choose another --out")
        left = {temporary_path(folder / name).name for name in (CORPUS, MODEL)}  # by a kill
        there = {entry.name for entry in folder.iterdir()} - left
        if there and not {CORPUS} <= there <= {CORPUS, MODEL}:
            raise BundleError(f"{folder} exists and is not an earlier demo; choose another --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BundleError(f"the folder {folder} cannot be created: {error.strerror}") from error


def _read(training: Training, stages: tuple[str, ...]) -> list[tuple[str, str, float]]:
    proba = training.predictor.predict_proba(stages)
    labels = training.predictor.predict(stages)
    return [
        (stage, label, float(row.max()))
        for stage, label, row in zip(stages, labels, proba, strict=True)
    ]
