"""Fixtures of several tests: data, models trained once, and skips where a package is absent.

`WORDGATE_REAL_DATA` names the folder of the real data, and `WORDGATE_TEST_MODELS` one for the
models: they are taken from there, and made there where they are missing.
"""

import csv
import fcntl
import gc
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import wordgate
from wordgate.bundle.folder import BundleFolder
from wordgate.bundle.metrics import Metrics
from wordgate.errors import MissingExtraError
from wordgate.runtime.cpu import available_cores
from wordgate.runtime.progress import Silent
from wordgate.runtime.threads import wait_asleep
from wordgate.vectors.vector_file import VectorBatch
from wordgate.vectors.writing import write_vectors

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

# A shell that runs the tests in the background lets them ignore Ctrl-C, which some of them send.
signal.signal(signal.SIGINT, signal.default_int_handler)
LONG = os.environ.get("WORDGATE_FAULTS") == "long"
if find_spec("hypothesis"):
    import hypothesis

    # `make test` is reproducible, and does not fail on a busy machine.
    hypothesis.settings.register_profile("ours", derandomize=not LONG, deadline=None)
    hypothesis.settings.load_profile("ours")
_DISK, _MEMORY, _ROOM = tempfile.gettempdir(), Path("/dev/shm"), 4 * 2**30
if "TMPDIR" not in os.environ and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ROOM:
    # Thousands of files are synchronized to the disk, which takes long.
    os.environ["TMPDIR"] = tempfile.tempdir = str(_MEMORY)
wait_asleep()  # before any test imports torch: a busy machine would spin for minutes

_MOST_WORKERS = 8  # each imports torch and takes a gigabyte or two

_PROJECT = Path(__file__).parents[1] / "pyproject.toml"

_COMES_WITH = {
    "huggingface_hub": "transformers",
    "importlinter": "import-linter",
    "joblib": "scikit-learn",
    "llvmlite": "numba",
    "sklearn": "scikit-learn",
    "tokenizers": "transformers",
}
"""Modules whose package has another name."""

PLANNED = {
    "lstm.schedule": "one-cycle",
    "lstm.warmup": 0.3,
    "lstm.weight_averaging": 0.0,
    "lstm.patience": 5,
    "lstm.patience_updates": 0,
    "lstm.epoch_score": "accuracy",
    "lstm.class_weight": "none",
}
"""Settings that fix the number of epochs, so that two are enough."""

TINY = {
    "lstm.epochs": 2,
    "lstm.min_updates": 1,
    "lstm.hidden_size": 8,
    "lstm.embedding_size": 8,
    "text.min_groups": 1,
    **PLANNED,
}
"""Settings of an LSTM that trains in a moment."""

TINY_MLP = {"mlp.hidden_size": 8, "mlp.epochs": 3, "mlp.batch_size": 16, "text.min_groups": 1}
"""Settings of an MLP that trains in a moment."""

_BROWSER_OPTIONS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-component-update",
    "--disable-background-networking", "--disable-sync", "--disable-extensions",
    "--disable-site-isolation-trials",
)  # fmt: skip

REAL_DATA = Path(
    os.environ.get("WORDGATE_REAL_DATA", Path(__file__).parents[2] / "shared" / "data")
)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config) -> int:
    """Return the number of processes of `-n auto`; unlike pytest-xdist, this respects quotas.

    Each process uses its share of the cores: it inherits this environment.
    """
    cores = available_cores()
    workers = min(cores, _MOST_WORKERS)
    os.environ.setdefault("OMP_NUM_THREADS", str(cores // workers))
    return workers


@pytest.hookimpl(wrapper=True)
def pytest_collection(session):
    """Disable the garbage collector while modules are imported."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


@cache
def optional_packages() -> dict[str, frozenset[str]]:
    """Read the packages of each extra and each dependency group for this system."""
    content = tomllib.loads(_PROJECT.read_text(encoding="utf-8"))
    lists = {**content["project"]["optional-dependencies"], **content["dependency-groups"]}

    def packages(name):
        for line in lists[name]:
            if isinstance(line, dict):
                yield from packages(line["include-group"])
                continue
            wanted = Requirement(line)
            if wanted.name == "wordgate":
                for extra in wanted.extras:
                    yield from packages(extra)
            elif wanted.marker is None or wanted.marker.evaluate():
                yield canonicalize_name(wanted.name)

    return {name: frozenset(packages(name)) for name in lists}


def is_absent(package: str) -> bool:
    """Return whether a package is not installed, even if a test patches imports."""
    try:
        metadata.distribution(package)
    except metadata.PackageNotFoundError:
        return True
    return False


def package_of(module: str) -> str | None:
    """Return the optional package of a module, if it has one."""
    top = module.partition(".")[0]
    package = canonicalize_name(_COMES_WITH.get(top, top))
    return package if package in frozenset().union(*optional_packages().values()) else None


def packages_named(message: str) -> list[str]:
    """List the packages of the extra that a message names as missing."""
    extra = re.search(r" needs the extra '([\w-]+)': pip install ", message)
    return sorted(optional_packages().get(extra[1], ())) if extra else []


def missing_for(error: BaseException | None) -> str | None:
    """Return the absent optional package that made a test fail, if there is one."""
    if isinstance(error, MissingExtraError):
        packages = packages_named(str(error))
    elif isinstance(error, ModuleNotFoundError):
        packages = [package_of(error.name or "")]
    else:
        packages = []
    return next((package for package in packages if package and is_absent(package)), None)


def _skips_what_is_missing():
    try:
        return (yield)
    except (MissingExtraError, ModuleNotFoundError) as error:
        if package := missing_for(error):
            pytest.skip(f"needs {package}")
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item):
    """Skip a test if a package of its mark `needs`, or one that its fixtures need, is absent."""
    for mark in item.iter_markers("needs"):
        for module in mark.args:
            package = package_of(module)
            if package is None:
                raise pytest.UsageError(f"{item.nodeid} needs {module!r}, which no extra brings")
            if is_absent(package):
                pytest.skip(f"needs {package}")
    return (yield from _skips_what_is_missing())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Skip a test that fails because an optional package is absent."""
    return (yield from _skips_what_is_missing())


@pytest.fixture
def skip_if_missing():
    """Skip a test whose command reports a missing extra that is indeed absent."""

    def skip(standard_error):
        for package in filter(is_absent, packages_named(standard_error)):
            pytest.skip(f"needs {package}")

    return skip


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(collector):
    """Skip a file of tests that imports an optional package which is absent."""
    report = yield
    if report.failed:
        error = report.call.excinfo.value
        package = missing_for(error.__cause__ or error)
        if package:
            report.outcome = "skipped"
            report.longrepr = (str(collector.path), 0, f"Skipped: needs {package}")
    return report


def review_rows(n_groups: int = 60, *, seed: int = 0) -> list[tuple[str, str, str]]:
    """Make rows of id, label and text: of each id, five that differ in one word."""
    rng = random.Random(seed)
    things = ["kettle", "lamp", "camera", "mattress", "mirror", "bicycle", "chair", "radio"]
    moods = {"good": ["love", "enjoy", "praise"], "bad": ["hate", "regret", "avoid"]}
    places = ["kitchen", "garden", "office", "cellar", "attic", "hall", "studio", "shed"]
    rows = []
    for number in range(n_groups):
        label = ("bad", "good")[number % 2]
        thing, place, other = rng.choice(things), rng.choice(places), rng.choice(places)
        for turn in ("today", "again", "still", "really", "now"):
            mood = rng.choice(moods[label])
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


class RecordingProgress(Silent):
    """Records the messages and the progress bars of a function under test.

    Attributes:
        lines: The lines of all messages.
        bars: Of each bar, the total and the units that are done.
        starts: Of each bar, the units that were done when it was opened.
        labels: The descriptions of the units.
    """

    def __init__(self):
        self.lines, self.bars, self.starts, self.labels = [], [], [], []

    def say(self, text):
        self.lines += text.splitlines()

    @contextmanager
    def bar(self, total, done=0):
        self.bars.append([total, done])
        self.starts.append(done)
        yield self

    def advance(self, label):
        self.bars[-1][1] += 1
        self.labels.append(label)


@dataclass(frozen=True)
class Kept:
    """A model that was trained once for many tests, which must not change its folder.

    Attributes:
        folder: The bundle.
        data: The file it was trained on.
    """

    folder: Path
    data: Path

    @property
    def metrics(self) -> Metrics:
        """Its `metrics.json`."""
        return BundleFolder.open(self.folder).metrics()


@dataclass(frozen=True)
class Trained(Kept):
    """A model that was trained in this process, for tests of the result of training.

    Attributes:
        training: The result of `wordgate.train`.
    """

    training: "wordgate.Training"


@pytest.fixture(scope="session")
def shared(tmp_path_factory) -> Path:
    """The folder that all processes of a run share."""
    if named := os.environ.get("WORDGATE_TEST_MODELS"):
        folder = Path(named).absolute()
    else:
        base = tmp_path_factory.getbasetemp()
        folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def made_once(path: Path, make: Callable[[Path], object]) -> Path:
    """Make a file or a folder unless it exists; other processes wait for it.

    Args:
        path: Its path.
        make: Writes it to another path of the same name.
    """
    if path.exists():
        return path
    path.parent.mkdir(exist_ok=True)
    with path.parent.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # until it is closed, or the process has ended
        if not path.exists():
            with tempfile.TemporaryDirectory(dir=path.parent.parent) as place:
                make(Path(place) / path.name)
                (Path(place) / path.name).rename(path)
    return path


@pytest.fixture(scope="session")
def reviews(shared) -> Path:
    """300 short reviews with the header id,label,text; five rows of much the same text an id."""
    return made_once(shared / "data" / "reviews.csv", write_reviews)


@pytest.fixture(scope="session")
def few_reviews(shared) -> Path:
    """The first 75 of them: too few to seek wrong labels in, and soon trained on."""
    file = shared / "data" / "few.csv"
    return made_once(file, lambda path: write_reviews(path, review_rows(15)))


@pytest.fixture(scope="session")
def review_vectors(shared) -> Path:
    """Vectors for most words of the reviews and some others; the first dimension is the mood."""
    return made_once(shared / "vectors" / "reviews.bin", write_review_vectors)


def write_review_vectors(path: Path) -> None:
    moods = {"love": 4, "enjoy": 4, "praise": 4, "hate": -4, "regret": -4, "avoid": -4}
    words = {word.lower() for _, _, text in review_rows() for word in text.split()}
    names = [*sorted(words - {"the", "or"}), "sofa", "settee"]
    vectors = np.random.default_rng(0).normal(size=(len(names), 5)).astype(np.float32)
    vectors[:, 0] += [moods.get(name, 0) for name in names]
    block = VectorBatch([name.encode() for name in names], vectors)
    write_vectors(path, [block], format="word2vec", count=len(names), dim=5)


@pytest.fixture(scope="session")
def ways(review_vectors) -> dict[str, dict[str, object]]:
    """The options with which each family is trained on the reviews."""
    return {
        "count": {},
        "lstm": {"settings": TINY},
        "logreg": {"vectors": review_vectors},
        "mlp": {"vectors": review_vectors, "settings": TINY_MLP},
    }


@pytest.fixture(scope="session")
def model_of(shared, reviews, ways):
    """Return the model of a family, trained once for all processes of a run."""

    def get(family: str) -> Kept:
        def train(out):
            wordgate.train(reviews, out=out, model=family, progress=Silent(), **ways[family])

        return Kept(made_once(shared / family / "model", train), reviews)

    return get


@pytest.fixture(scope="session")
def training_of(tmp_path_factory, reviews, ways):
    """Return the model of a family, trained once in this process."""

    @cache
    def get(family: str) -> Trained:
        out = tmp_path_factory.mktemp(family) / "model"
        options = {"model": family, "progress": Silent(), **ways[family]}
        return Trained(out, reviews, wordgate.train(reviews, out=out, **options))

    return get


@pytest.fixture(scope="session")
def count_model(model_of) -> Kept:
    return model_of("count")


@pytest.fixture(scope="session")
def lstm_model(model_of) -> Kept:
    return model_of("lstm")


@pytest.fixture(scope="session")
def logreg_model(model_of) -> Kept:
    return model_of("logreg")


@pytest.fixture(scope="session")
def mlp_model(model_of) -> Kept:
    return model_of("mlp")


@pytest.fixture(scope="session")
def count_training(training_of) -> Trained:
    return training_of("count")


@pytest.fixture(scope="session")
def lstm_training(training_of) -> Trained:
    return training_of("lstm")


@pytest.fixture(scope="session", autouse=True)
def copies_found_once():
    """Find the near duplicates of the same rows, and their fingerprints, once per process.

    Most tests train on the same 300 similar rows, where this took more than half of the time.
    `tests/dedup` and `tests/split` call the search itself.
    """
    try:
        from wordgate.dedup.fingerprints import Fingerprints
        from wordgate.dedup.near_duplicates import find_near_duplicates
        from wordgate.experiments import reading, splits
    except ModuleNotFoundError as error:
        if missing_for(error) is None:
            raise
        yield  # without what trains no test seeks any
        return
    found, take = lru_cache(32)(find_near_duplicates), Fingerprints.of

    def find_once(texts, groups):
        return found(tuple(texts), None if groups is None else tuple(groups))

    @lru_cache(32)
    def taken(texts, groups, valid, test, copies):
        copies = None if copies is None else np.frombuffer(copies, np.bool_)
        return take(texts, groups, valid=valid, test=test, copies=copies)

    def take_once(texts, groups, *, valid=(), test=(), copies=None):
        groups = None if groups is None else tuple(groups)
        copies = None if copies is None else copies.tobytes()
        return taken(tuple(texts), groups, tuple(valid), tuple(test), copies)

    with pytest.MonkeyPatch.context() as patched:
        for module in (reading, splits):
            patched.setattr(module, "find_near_duplicates", find_once)
        patched.setattr(Fingerprints, "of", take_once)
        yield


@pytest.fixture(scope="session")
def on_disk():
    """A folder on disk; `tmp_path` may be in memory."""
    with tempfile.TemporaryDirectory(prefix="wordgate-", dir=_DISK) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def how_many():
    """Choose the number of repetitions: the first in `make test`, the second in `make faults`."""

    def choose(short, long):
        return long if LONG else short

    return choose


@pytest.fixture
def copied(tmp_path):
    """Copy a model's folder, to damage the copy."""
    return lambda kept: Path(shutil.copytree(kept.folder, tmp_path / "copy"))


@pytest.fixture
def hide_packages(monkeypatch):
    """Pretend that packages, by their import names, are not installed."""
    return lambda *names: monkeypatch.setattr(
        "wordgate.runtime.packages.find_spec",
        lambda name: None if name in names else find_spec(name),
    )


@pytest.fixture
def data_home(tmp_path, monkeypatch):
    """The folder WORDGATE_DATA_HOME, in an empty working folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORDGATE_DATA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def fake_kagglehub(monkeypatch):
    """Replace kagglehub; the function has the signature of its ``dataset_download``."""

    def replace(download):
        module = types.ModuleType("kagglehub")
        module.dataset_download = download
        monkeypatch.setitem(sys.modules, "kagglehub", module)

    return replace


@pytest.fixture
def make_file(tmp_path):
    """Write rows to a CSV file of a name."""
    return lambda rows, name="data.csv", header=("id", "label", "text"): write_reviews(
        tmp_path / name, rows, header
    )


@pytest.fixture
def make_rows():
    """Make rows of id, label and text for a number of ids."""
    return review_rows


@pytest.fixture(scope="session")
def tiny():
    """Settings of an LSTM that trains in a moment."""
    return dict(TINY)


@pytest.fixture(scope="session")
def tiny_mlp():
    """Settings of an MLP that trains in a moment."""
    return dict(TINY_MLP)


@dataclass(frozen=True)
class Forks:
    """Runs commands in children of one process, which has loaded what they import.

    Attributes:
        process: The process, of `forked.py`.
        folder: Where the commands' standard streams are written to.
    """

    process: subprocess.Popen
    folder: Path

    def run(self, folder, *arguments, stop=None) -> subprocess.CompletedProcess:
        """Run a command in a folder; `stop` as in `forked.py`."""
        out, err = self.folder / "out", self.folder / "err"
        given = [os.fsencode(argument).decode("latin-1") for argument in map(str, arguments)]
        order = {"arguments": given, "folder": str(folder), "out": str(out), "err": str(err),
                 "stop": stop}  # fmt: skip
        self.process.stdin.write(f"{json.dumps(order)}\n")
        self.process.stdin.flush()
        code = int(self.process.stdout.readline())
        ended = subprocess.CompletedProcess(given, code, out.read_bytes(), err.read_bytes())
        out.unlink()
        err.unlink()
        return ended


@contextmanager
def forks(data: Path, *options: str, environment: Mapping[str, str]) -> Iterator[Forks]:
    """Start the process of `forked.py`, in an environment; it trains on a file."""
    if not hasattr(os, "fork"):
        pytest.skip("forks")
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [sys.executable, Path(__file__).with_name("forked.py"), data, *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, **one_thread, **environment},
        ) as process,
    ):  # fmt: skip
        yield Forks(process, Path(folder))
        process.stdin.close()


TEACHER_WORDS = ("good", "bad", "lamp", "kettle", "the", "##s", "##ly")


def own_environment() -> dict[str, str]:
    """Return the environment of a process that finds the modules that this one does."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def pid_started_by(script: Path, source: str) -> int:
    """Run a script that prints the id of a process and kills itself; return that id.

    A process that imported the script would run it again, and its output would have more words.
    """
    script.write_text(
        f"print('ran', flush=True)\n{source}    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, env=own_environment(), check=False
    )
    ran, pid = done.stdout.split()
    assert ran == "ran"
    return int(pid)


def wait_until_gone(pid):
    """Wait until a process has ended, a minute at most; nobody may be left to collect it."""
    for _ in range(600):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.1)
    return False


def save_tiny_bert(folder: Path, words, **changes) -> Path:
    """Write a BERT of random weights, hidden size 16, with some words as its vocabulary."""
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
    """A sentence-transformer of random weights, hidden size 16, vocabulary `TEACHER_WORDS`."""
    pytest.importorskip("sentence_transformers", reason="needs the extra 'distill'")
    from sentence_transformers import SentenceTransformer

    made = tmp_path_factory.mktemp("teacher")
    raw = save_tiny_bert(tmp_path_factory.mktemp("bert"), TEACHER_WORDS)
    SentenceTransformer(str(raw), local_files_only=True).save(str(made), create_model_card=False)
    return made


@pytest.fixture(scope="session")
def tiny_transformer(tmp_path_factory) -> Path:
    """A BERT of random weights that knows `w0` to `w29` and reads 32 subwords."""
    pytest.importorskip("transformers", reason="needs the extra 'transformer'")
    return save_tiny_bert(tmp_path_factory.mktemp("transformer"), [f"w{n}" for n in range(30)])


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory) -> Path:
    """A BERT of random weights that knows `TEACHER_WORDS`, words of the reviews."""
    pytest.importorskip("transformers", reason="needs the extra 'transformer'")
    return save_tiny_bert(tmp_path_factory.mktemp("bert"), TEACHER_WORDS)


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


class _Described:
    """A model that is saved as one of several labels per text."""

    def __init__(self, model):
        self._model, self.family = model, model.family

    def state(self):
        description, arrays = self._model.state()
        return {**description, "multilabel": True}, arrays


def write_multilabel(out, model, config, **more):
    """Save a model as one of several labels per text, with further fields of its config."""
    from wordgate.bundle.folder import Bundle, write_bundle
    from wordgate.dedup.fingerprints import Fingerprints

    config = config.model_validate({**config.model_dump(), "multilabel": True, **more})
    write_bundle(Bundle(config, _Described(model), None, Fingerprints.of([], None)), out)
    return out


@pytest.fixture(scope="session")
def as_multilabel(tmp_path_factory):
    """Save the model of a folder as one of several labels per text; return the new folder."""

    def save(folder, **more):
        opened = BundleFolder.open(folder)
        config = opened.config()
        out = tmp_path_factory.mktemp("multilabel") / "model"
        return write_multilabel(out, opened.model(config), config, **more)

    return save


@pytest.fixture(scope="session")
def make_topics(tmp_path_factory):
    """Make a model of several labels per text; one word indicates each, with threshold 0.4.

    A text of none of the words has no label, one of two words both labels.
    """
    from wordgate.bundle.config import Config
    from wordgate.models.count import CountModel
    from wordgate.text.ngram_vectorizer import NgramVectorizer

    def make(labels=("price", "quality", "speed"), **more):
        words = NgramVectorizer("words", (1, 1), ["cheap", "broken", "fast"])
        model = CountModel([words], np.diag([6.0, 6.0, 5.8]), np.full(3, -2.0))
        config = Config(
            family="count", labels=labels, seed=0, recipe="default", settings={}, data={},
            environment={},
        )  # fmt: skip
        out = tmp_path_factory.mktemp("topics") / "model"
        return write_multilabel(out, model, config, **{"thresholds": [0.4, 0.4, 0.4], **more})

    return make


@pytest.fixture(scope="session")
def topics_model(make_topics):
    return make_topics()
