"""The peers of `make bench-search`, each with the same training and test rows."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import wordgate
from command import program_of
from searching.data import COLUMNS, TrainTest, hold_out
from wordgate.runtime.cpu import available_cores
from wordgate.runtime.progress import Silent
from wordgate.training.fitting import TIME_LIMIT

HERE = Path(__file__).parent
FASTTEXT = program_of("fasttext")
FOLDS = 3
LATE = 3
"""fastText's autotune ends some trials only when they are complete, past its limit: after so many
times the limit it is stopped."""


class AbsentError(Exception):
    """A peer can't take part on this machine; the text says why."""


@dataclass(frozen=True)
class Answers:
    """The labels that a peer gives the test rows, and what it has chosen."""

    labels: list[str]
    chosen: str


def auto(data: TrainTest, folder: Path, minutes: float) -> Answers:
    """Let `--family auto` choose."""
    training = _train(data, folder, model="auto", minutes=minutes)
    found = training.metrics.search
    is_cut = any(line.startswith(TIME_LIMIT) for line in found.left_out)
    chosen = f"{training.bundle.config.family}, {found.n_trials} trials"
    return Answers(_labels(training, data), f"{chosen}, training cut" if is_cut else chosen)


def default_of(family: str) -> Callable[[TrainTest, Path, float], Answers]:
    """Give the peer that trains one family with its default recipe, for as long as it takes."""

    def run(data: TrainTest, folder: Path, minutes: float) -> Answers:  # noqa: ARG001
        return Answers(_labels(_train(data, folder, model=family), data), family)

    return run


def _train(data: TrainTest, folder: Path, **options):
    """Train on files, as a user does."""
    files = {
        part: rows.write(folder / f"{part}.csv")
        for part, rows in (("train", data.train), ("test", data.test))
    }
    group = {} if data.train.groups is None else {"group": "group"}
    return wordgate.train(
        files["train"], test=files["test"], progress=Silent(), **COLUMNS, **group, **options
    )


def _labels(training, data: TrainTest) -> list[str]:
    return training.predictor.predict(data.test.texts)


def fasttext(data: TrainTest, folder: Path, minutes: float) -> Answers:
    """Let fastText's autotune choose on validation rows, a tenth as with wordgate."""
    import_it = [FASTTEXT, "-c", "import fasttext"]
    if not Path(FASTTEXT).exists() or subprocess.run(import_it, capture_output=True).returncode:
        raise AbsentError(f"no fasttext in {FASTTEXT}: it could not be built")
    own = hold_out(data.train, folder)
    parts = {"train": own.train, "valid": own.test, "test": data.test}
    files = [rows.write(folder / f"fasttext-{name}.csv") for name, rows in parts.items()]
    seconds = round(60 * minutes)
    command = [FASTTEXT, str(HERE / "fasttext_peer.py"), *map(str, files), str(seconds)]
    command.append(str(available_cores()))
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LATE * seconds)
    except subprocess.TimeoutExpired:
        raise AbsentError(f"fastText had not ended after {LATE * seconds} s") from None
    if done.returncode:
        raise AbsentError(f"fastText failed: {done.stderr.strip().splitlines()[-1]}")
    found = json.loads(done.stdout.splitlines()[-1])
    chosen = ", ".join(f"{name} {value:.3g}" for name, value in found["settings"].items())
    return Answers(found["labels"], chosen)


def halving(data: TrainTest, folder: Path, minutes: float) -> Answers:  # noqa: ARG001
    """Let scikit-learn's HalvingGridSearchCV choose, for as long as it takes."""
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import HalvingGridSearchCV, StratifiedGroupKFold
    from sklearn.pipeline import Pipeline
    from sklearn.svm import LinearSVC

    strengths = [0.1, 0.3, 1.0, 3.0, 10.0]
    search = HalvingGridSearchCV(
        Pipeline([("words", TfidfVectorizer(sublinear_tf=True)), ("model", LinearSVC())]),
        {
            "words__ngram_range": [(1, 1), (1, 2)],
            "words__min_df": [1, 2],
            "model": [
                *(LinearSVC(C=strength) for strength in strengths),
                *(LogisticRegression(C=10 * s, max_iter=1000) for s in strengths),
            ],
        },
        cv=StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0),
        random_state=0,
        n_jobs=-1,
        error_score=0.0,
    )
    rows = data.train
    groups = rows.groups if rows.groups is not None else np.arange(len(rows.texts))
    search.fit(np.array(rows.texts, dtype=object), np.array(rows.labels), groups=groups)
    found = search.best_params_
    model = found["model"]
    chosen = f"{type(model).__name__} C={model.C:g}, {found['words__ngram_range'][1]}-grams"
    return Answers(search.predict(np.array(data.test.texts, dtype=object)).tolist(), chosen)


def peers_of(families: list[str]) -> dict[str, Callable[[TrainTest, Path, float], Answers]]:
    """Give the peers by their names."""
    return {
        "auto": auto,
        **{f"default {family}": default_of(family) for family in families},
        "fasttext": fasttext,
        "halving": halving,
    }
