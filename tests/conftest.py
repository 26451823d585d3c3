"""What several tests share: where the real data lies, and the skip where it doesn't."""

import csv
import importlib.util
import os
import random
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import numpy as np
import pytest

import wordgate
from wordgate.progress import Silent
from wordgate.training.threads import wait_asleep
from wordgate.vectors.block import Block
from wordgate.vectors.writing import write_vectors

# A shell that runs the tests in the background has them ignore Ctrl-C, which some of them press.
signal.signal(signal.SIGINT, signal.default_int_handler)
if os.environ.get("WORDGATE_FAULTS") != "long":  # `make test` says the same of the same code
    hypothesis.settings.register_profile("same", derandomize=True)
    hypothesis.settings.load_profile("same")
wait_asleep()  # before any test imports torch: a busy machine would spin for minutes

TINY = {"epochs": 2, "min_updates": 1, "hidden_size": 8, "embedding_size": 8, "min_groups": 1}
"""Settings of an LSTM that trains at once."""

TINY_MLP = {"mlp_hidden_size": 8, "mlp_epochs": 3, "mlp_batch_size": 16, "min_groups": 1}
"""Settings of an MLP that trains at once."""

_BROWSER_OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-component-update",
    "--disable-background-networking", "--disable-sync",
)  # fmt: skip

REAL_DATA = Path(
    os.environ.get("WORDGATE_REAL_DATA", Path(__file__).parents[2] / "shared" / "data")
)


def review_rows(n_groups: int = 60, *, seed: int = 0) -> list[tuple[str, str, str]]:
    """Make rows of id, label and text: of each id, five that differ in one word."""
    chance = random.Random(seed)
    things = ["kettle", "lamp", "camera", "mattress", "mirror", "bicycle", "chair", "radio"]
    moods = {"good": ["love", "enjoy", "praise"], "bad": ["hate", "regret", "avoid"]}
    places = ["kitchen", "garden", "office", "cellar", "attic", "hall", "studio", "shed"]
    rows = []
    for number in range(n_groups):
        label = ("bad", "good")[number % 2]
        thing, place, other = chance.choice(things), chance.choice(places), chance.choice(places)
        for turn in ("today", "again", "still", "really", "now"):
            mood = chance.choice(moods[label])
            text = f"We {mood} this {thing} number {number} from the {place} or the {other} {turn}"
            rows.append((f"r{number:03d}", label, text))
    return rows


def write_reviews(file: Path, rows=None, header=("id", "label", "text")) -> Path:
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        if header:
            writer.writerow(header)
        writer.writerows(review_rows() if rows is None else rows)
    return file


def _real(name: str) -> Path:
    path = REAL_DATA / name
    if not path.exists():
        pytest.skip(f"the real data file {name} is not at {REAL_DATA} (WORDGATE_REAL_DATA)")
    return path


@pytest.fixture(scope="session")
def twitter_training() -> Path:
    """The Kaggle tweets: 74,682 rows without a header, columns id, entity, label, text."""
    return _real("twitter_training.csv")


@pytest.fixture(scope="session")
def twitter_validation() -> Path:
    """1,000 rows whose ids all stand in the training file."""
    return _real("twitter_validation.csv")


@pytest.fixture(scope="session")
def movie_reviews() -> Path:
    """10,662 one-sentence reviews with a header: text,label."""
    return _real("movie_reviews.csv")


@dataclass(frozen=True)
class Kept:
    """A model that was trained once for many tests, which must not change its folder.

    Attributes:
        folder: The bundle.
        data: The file it was trained on.
        training: What `wordgate.train` gave.
    """

    folder: Path
    data: Path
    training: "wordgate.Training"


@pytest.fixture(scope="session")
def reviews(tmp_path_factory) -> Path:
    """300 short reviews with the header id,label,text; five rows of much the same text an id."""
    return write_reviews(tmp_path_factory.mktemp("data") / "reviews.csv")


@pytest.fixture(scope="session")
def count_model(tmp_path_factory, reviews) -> Kept:
    folder = tmp_path_factory.mktemp("count") / "model"
    training = wordgate.train(reviews, out=folder, model="count", progress=Silent())
    return Kept(folder, reviews, training)


@pytest.fixture(scope="session")
def lstm_model(tmp_path_factory, reviews) -> Kept:
    folder = tmp_path_factory.mktemp("lstm") / "model"
    training = wordgate.train(reviews, out=folder, settings=TINY, progress=Silent())
    return Kept(folder, reviews, training)


@pytest.fixture(scope="session")
def review_vectors(tmp_path_factory) -> Path:
    """Vectors for most words of the reviews and for some others; the first number tells moods."""
    moods = {"love": 4, "enjoy": 4, "praise": 4, "hate": -4, "regret": -4, "avoid": -4}
    words = {word.lower() for _, _, text in review_rows() for word in text.split()}
    names = [*sorted(words - {"the", "or"}), "sofa", "settee"]
    vectors = np.random.default_rng(0).normal(size=(len(names), 5)).astype(np.float32)
    vectors[:, 0] += [moods.get(name, 0) for name in names]
    block = Block([name.encode() for name in names], vectors)
    path = tmp_path_factory.mktemp("vectors") / "reviews.bin"
    write_vectors(path, [block], format="word2vec", count=len(names), size=5)
    return path


@pytest.fixture(scope="session")
def logreg_model(tmp_path_factory, reviews, review_vectors) -> Kept:
    folder = tmp_path_factory.mktemp("logreg") / "model"
    training = wordgate.train(
        reviews, out=folder, model="logreg", vectors=review_vectors, progress=Silent()
    )
    return Kept(folder, reviews, training)


@pytest.fixture(scope="session")
def mlp_model(tmp_path_factory, reviews, review_vectors) -> Kept:
    folder = tmp_path_factory.mktemp("mlp") / "model"
    training = wordgate.train(
        reviews, out=folder, model="mlp", vectors=review_vectors, settings=TINY_MLP,
        progress=Silent(),
    )  # fmt: skip
    return Kept(folder, reviews, training)


@pytest.fixture
def copied(tmp_path):
    """Copy a model's folder, to do harm to the copy."""
    return lambda kept: Path(shutil.copytree(kept.folder, tmp_path / "copy"))


@pytest.fixture
def hide_packages(monkeypatch):
    """Pretend that packages, by their import names, are not installed."""
    find_spec = importlib.util.find_spec
    return lambda *names: monkeypatch.setattr(
        "wordgate.extras.find_spec", lambda name: None if name in names else find_spec(name)
    )


@pytest.fixture
def make_file(tmp_path):
    """Write rows to a CSV file of a name."""
    return lambda rows, name="data.csv", header=("id", "label", "text"): write_reviews(
        tmp_path / name, rows, header
    )


@pytest.fixture
def make_rows():
    """Make rows of id, label and text for so many ids."""
    return review_rows


@pytest.fixture
def tiny():
    """Settings of an LSTM that trains at once."""
    return dict(TINY)


@pytest.fixture
def tiny_mlp():
    """Settings of an MLP that trains at once."""
    return dict(TINY_MLP)


TEACHER_WORDS = ("good", "bad", "lamp", "kettle", "the", "##s", "##ly")


def save_tiny_bert(folder: Path, words, **changes) -> Path:
    """Write a BERT of random weights, 16 numbers wide, that knows some words."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    known = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words)
    BertTokenizer(vocab={word: i for i, word in enumerate(known)}).save_pretrained(folder)
    sizes = {
        "vocab_size": len(known), "hidden_size": 16, "num_hidden_layers": 1,
        "num_attention_heads": 2, "intermediate_size": 16, "max_position_embeddings": 32,
    }  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(0)
        BertModel(BertConfig(**{**sizes, **changes})).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_teacher(tmp_path_factory) -> Path:
    """A sentence-transformer of random weights, 16 numbers wide, that knows `TEACHER_WORDS`."""
    pytest.importorskip("sentence_transformers", reason="needs the extra 'distill'")
    from sentence_transformers import SentenceTransformer

    made = tmp_path_factory.mktemp("teacher")
    raw = save_tiny_bert(tmp_path_factory.mktemp("bert"), TEACHER_WORDS)
    SentenceTransformer(str(raw), local_files_only=True).save(str(made), create_model_card=False)
    return made


@pytest.fixture(scope="session")
def tiny_transformer(tmp_path_factory) -> Path:
    """A BERT of random weights that knows `w0` to `w29` and reads 32 pieces."""
    pytest.importorskip("transformers", reason="needs the extra 'transformer'")
    return save_tiny_bert(tmp_path_factory.mktemp("transformer"), [f"w{n}" for n in range(30)])


@pytest.fixture(scope="module")
def browser():
    """The system's Chromium; skips where there is none."""
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("there is no chromium on the path")
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=[*_BROWSER_OPTIONS])
        yield browser
        browser.close()
