"""The demo: word counts and an LSTM on a corpus in which only word order determines the label."""

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
    """The result of the demo.

    Attributes:
        folder: The folder of `corpus.csv` and `model`.
        training: The trained model.
        growing: For each sentence, its prefixes with their predicted label and probability.
    """

    folder: Path
    training: Training
    growing: list[list[tuple[str, str, float]]]


def run_demo(
    folder: str | Path, *, seed: int, progress: Progress, threads: int | None = None
) -> Demo:
    """Write the corpus, train on it with default settings, and predict prefixes of sentences.

    The files of an earlier demo in the folder are replaced; other files are refused.
    """
    require_extra("train", "the demo", TORCH)
    choose_threads(threads)
    folder = Path(folder)
    _make_folder(folder)
    corpus, file = demo_corpus(seed), folder / CORPUS
    with atomic_output(file) as aside, aside.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(("group", "label", "text"))
        writer.writerows(zip(corpus.groups, corpus.labels, corpus.texts, strict=True))
    check_destination(folder / MODEL, overwrite=True)
    training = train(folder / CORPUS, seed=seed, threads=threads, progress=progress)
    training.save(folder / MODEL, overwrite=True)
    growing = [_predicted(training, prefixes) for prefixes in demo_sentences()]
    return Demo(folder, training, growing)


def _make_folder(folder: Path) -> None:
    """Create the folder, or check that it contains only an earlier demo."""
    if folder.exists():
        if not folder.is_dir():
            raise BundleError(f"{folder} exists and is not a folder; choose another --out")
        temporary = {temporary_path(folder / name).name for name in (CORPUS, MODEL)}
        names = {entry.name for entry in folder.iterdir()} - temporary  # which a kill leaves
        if names and not {CORPUS} <= names <= {CORPUS, MODEL}:
            raise BundleError(f"{folder} exists and is not an earlier demo; choose another --out")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BundleError(f"the folder {folder} cannot be created: {error.strerror}") from error


def _predicted(training: Training, prefixes: tuple[str, ...]) -> list[tuple[str, str, float]]:
    proba = training.predictor.predict_proba(prefixes)
    labels = training.predictor.predict(prefixes)
    return [
        (prefix, label, float(row.max()))
        for prefix, label, row in zip(prefixes, labels, proba, strict=True)
    ]
