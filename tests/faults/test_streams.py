"""Closed standard streams, and pipes in place of files: a message or silence, but no hanging."""

import math
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import wordgate
from wordgate.bundle.folder import BundleFolder
from wordgate.errors import WordgateError
from wordgate.runtime.progress import Silent
from wordgate.settings import load_settings
from wordgate.vectors.formats import open_vectors

RUN = "from wordgate.cli.main import run; run()"
COMMANDS = {
    "train": "train reviews.csv --model count --out new",
    "audit": "audit reviews.csv",
    "score": "score model reviews.csv new",
    "evaluate": "evaluate model reviews.csv",
}

NEED_TRAINING = ("train", "audit", "evaluate")


def as_parameters(names):
    """Have those skipped that need the extra `train` where it is not installed."""
    needs = pytest.mark.needs("sklearn")
    return [pytest.param(name, marks=needs if name in NEED_TRAINING else ()) for name in names]


SOON = [
    ("train", ">&- 2>&-"), ("score", "2>&-"), ("score", "2>/dev/full"), ("audit", ">/dev/full"),
]  # fmt: skip
FIXTURES = Path(__file__).parents[1] / "interchange" / "fixtures"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no such streams"),
]


def run(folder, command, closed=""):
    return subprocess.run(
        ["sh", "-c", f'"$@" {closed}', "sh", sys.executable, "-c", RUN, *command.split()],
        cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip


@pytest.fixture
def place(tmp_path, few_reviews, count_model):
    (tmp_path / "reviews.csv").symlink_to(few_reviews)
    (tmp_path / "model").symlink_to(count_model.folder)
    (tmp_path / "texts.txt").write_text("We love it\n" * 300)
    return tmp_path


@pytest.mark.parametrize(
    "closed", [">&-", "2>&-", ">&- 2>&-", ">/dev/full", "2>/dev/full", ">/dev/full 2>/dev/full"]
)
@pytest.mark.parametrize("command", as_parameters(COMMANDS))
def test_closed_streams_and_full_disks_harm_nothing(place, command, closed, how_many):
    if how_many((command, closed) not in SOON, False):
        pytest.skip("tried by make faults")
    if "/dev/full" in closed and not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full here")
    ended = run(place, COMMANDS[command], closed)
    is_told = closed.startswith(">/dev/full")
    assert ended.returncode == is_told
    assert "Traceback" not in ended.stderr + ended.stdout
    if closed == ">/dev/full":
        assert ended.stderr.endswith(
            "wordgate: standard output cannot be written: No space left on device\n"
        )
    if command == "train":
        assert BundleFolder.open(place / "new").changed_files() == []
        assert wordgate.load(place / "new").predict(["We love it"]) == ["good"]
    if command == "score":
        wordgate.score(place / "model", place / "reviews.csv", place / "open", progress=Silent())
        assert (place / "new").read_bytes() == (place / "open").read_bytes()


# Works whose readers go, each with what it makes under the name `new`.
WORKS = {
    "train": "train reviews.csv --model count --out new",
    "score to a file": "score model reviews.csv new --to csv",
    "score": "score model reviews.csv --batch 50",
    "predict": "predict model",
    "audit": "audit reviews.csv --html new",
}
OUT, ERR = 0, 1
BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


class Ended:
    """What came of a work: its status, what was read of it, and what it made.

    Args:
        folder: Where it runs.
        command: What runs, and its arguments.
        closings: The instants, in seconds from its start, at which its standard output and its
            standard error are closed by their readers.
    """

    def __init__(self, folder, command, closings=(math.inf, math.inf)):
        began = time.monotonic()
        with (folder / "texts.txt").open("rb") as texts:
            process = subprocess.Popen(
                command, cwd=folder, stdin=texts, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                bufsize=0, env=BUFFERED,
            )  # fmt: skip
        with ThreadPoolExecutor(2) as readers:
            ends = [began + closing for closing in closings]
            read = readers.map(read_until, (process.stdout, process.stderr), ends)
            self.read = [content.decode() for content in read]
        self.status = process.wait()
        self.seconds = time.monotonic() - began
        self.made = whole_content(folder / "new")


def read_until(stream, instant):
    """Read a pipe to its end, or until an instant, and close it."""
    content, chunk = b"", b"-"
    with stream:
        while chunk and (left := instant - time.monotonic()) > 0:
            if select.select([stream], [], [], None if left == math.inf else left)[0]:
                content += (chunk := stream.read(2**16))
    return content


def whole_content(made):
    """Give what a work has made, and see that a bundle is whole; None where there is nothing."""
    if made.is_dir():
        assert BundleFolder.open(made).changed_files() == []
        content = (made / "weights.safetensors").read_bytes()
        shutil.rmtree(made)
    else:
        content = made.read_bytes() if made.exists() else None
        made.unlink(missing_ok=True)
    return content


def check_result(ended, whole, work):
    """See that a work has made all it makes, though its readers went."""
    assert ended.status == 0, (ended.status, ended.read[ERR])
    assert ended.made == whole.made
    assert (whole.made is None) == (work in ("score", "predict"))
    assert not any(word in ended.read[ERR] for word in ("Traceback", "Error", "ignored"))


@pytest.fixture
def working(place):
    """Run one of the works; see `Ended`. A program may stand in the place of `RUN`."""

    def start(work, *closings, program=(RUN,)):
        return Ended(place, [sys.executable, "-c", *program, *WORKS[work].split()], *closings)

    return start


@pytest.mark.parametrize("work", as_parameters(WORKS))
def test_readers_that_go_at_any_instant_end_no_work(working, work, rng, how_many, found):
    whole, when = working(work), [0] * 6
    check_result(whole, whole, work)
    for _ in range(how_many(1, 40)):
        first = rng.choice([0.0, 0.8])  # every other one near the end
        closings = [rng.uniform(first, 1.05) * whole.seconds for _ in range(2)]
        stays = rng.randrange(3)
        if stays < 2:
            closings[stays] = math.inf
        ended = working(work, closings)
        check_result(ended, whole, work)
        if stays == OUT and work in ("score", "predict"):
            assert ended.read[OUT] == whole.read[OUT]
        when[min(5, int(5 * min(closings) / whole.seconds))] += 1
    *fifths, after = when
    found(
        f"readers of standard streams that go while it works: {work}",
        f"all was made; they went in each fifth of its time: {fifths}, after it: {after}",
    )


# Closes the reader of a standard stream just before this is written to for the n-th time.
BEFORE_A_WRITE = """
import io, os, sys
from wordgate.cli.main import run

class Read(io.FileIO):
    writes = 0
    def write(self, data):
        self.writes += 1
        if self.writes == nth:
            os.close(reader)
        return super().write(data)

name, nth = sys.argv[1], int(sys.argv[2])
reader, writer = os.pipe()
os.dup2(writer, descriptor := getattr(sys, name).fileno())
os.close(writer)
stream = Read(descriptor, "w", closefd=False)
text = io.TextIOWrapper(io.BufferedWriter(stream), "utf-8", line_buffering=name == "stderr")
setattr(sys, name, text)
try:
    run(sys.argv[3:])
finally:
    open("writes", "w").write(str(stream.writes))
"""
AT_ONCE = [("predict", "stdout"), ("score to a file", "stderr")]


@pytest.mark.parametrize("name", ["stdout", "stderr"])
@pytest.mark.parametrize("work", as_parameters(WORKS))
def test_a_reader_that_goes_just_before_a_write_ends_no_work(
    place, working, work, name, how_many, found
):
    if how_many((work, name) not in AT_ONCE, False):
        pytest.skip("tried by make faults")

    def closed_before(nth):
        ended = working(work, program=(BEFORE_A_WRITE, name, str(nth)))
        check_result(ended, ended if nth == 0 else whole, work)
        return ended

    whole = closed_before(0)  # never
    writes = int((place / "writes").read_text())
    tried = how_many([writes], range(1, writes + 1))
    for nth in tried:
        closed_before(nth)
    found(f"a reader of {name} that goes before each write of it: {work}", f"{len(tried)}")


# Closes the readers after all is done, and then writes, as a library may.
AT_THE_END = """
import atexit, os, sys
from wordgate.cli.main import run

readers = []
for name in sys.argv[1].split():
    reader, writer = os.pipe()
    os.dup2(writer, getattr(sys, name).fileno())
    os.close(writer)
    readers.append(reader)

@atexit.register
def late():
    for reader in readers:
        os.close(reader)
    print("late")
    print("late", file=sys.stderr)

run(["--version"])
"""


@pytest.mark.parametrize("names", ["stdout", "stderr", "stdout stderr"])
def test_readers_that_go_at_the_very_end_are_no_failure(place, names):
    ended = Ended(place, [sys.executable, "-c", AT_THE_END, names])
    assert ended.status == 0
    assert "Traceback" not in ended.read[ERR]


# Interrupts itself at the n-th import of what is not loaded yet, from the first that `run` makes.
IN_AN_IMPORT = """
import signal, sys

class Interrupting:
    begun, left = False, int(sys.argv[1])
    def find_spec(self, name, *_):
        self.begun |= name in ("wordgate.cli.streams", "click")
        self.left -= self.begun
        if self.begun and self.left == 0:
            signal.raise_signal(signal.SIGINT)

sys.meta_path.insert(0, finder := Interrupting())
from wordgate.cli.main import run
try:
    run(sys.argv[2:])
finally:
    open("imports", "w").write(str(-finder.left))
"""


def test_a_ctrl_c_within_an_import_is_an_interruption(place, working, rng, how_many, found):
    working("score", program=(IN_AN_IMPORT, "0"))  # none
    imports = int((place / "imports").read_text())
    tried = sorted({1, *rng.sample(range(2, imports), how_many(2, 100))})
    for nth in tried:
        ended = working("score", program=(IN_AN_IMPORT, str(nth)))
        assert (ended.status, ended.read[OUT]) == (130, ""), nth
        assert ended.read[ERR].strip() in ("", "wordgate: interrupted"), nth
    found("Ctrl-C within an import", f"{len(tried)} of {imports}, each an interruption")


@pytest.fixture
def pipe(tmp_path):
    """A pipe with a name that nobody writes into, and a minute in which to leave it alone."""

    def waits(*_):
        raise TimeoutError("it waits for a writer")

    os.mkfifo(tmp_path / "pipe")
    before = signal.signal(signal.SIGALRM, waits)
    signal.setitimer(signal.ITIMER_REAL, 60.0)
    yield tmp_path / "pipe"
    signal.setitimer(signal.ITIMER_REAL, 0)
    signal.signal(signal.SIGALRM, before)


USES = {
    "a bundle": wordgate.load,
    "vectors": open_vectors,
    "a recipe": load_settings,
    "a Keras file": lambda pipe: wordgate.import_keras(
        pipe, FIXTURES / "tokenizer.json", labels=["a", "b", "c"]
    ),
    "a tokenizer": lambda pipe: wordgate.import_keras(
        FIXTURES / "notebook.keras", pipe, labels=["a", "b", "c"]
    ),
}


@pytest.mark.parametrize("use", USES)
def test_a_pipe_in_a_files_place_is_refused(pipe, use):
    with pytest.raises(WordgateError):
        USES[use](pipe)
