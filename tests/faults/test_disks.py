"""Disks that fill, refuse and fail: the old file stays whole, and nobody is told of a new one.

Every command that writes a file of the user's is run against errors at each of its steps, against
files that may not grow beyond some bytes, against a full disk and a folder that may not be written
to. A failure at its very end may leave the new file in place of the old one: whole, and not told
of.
"""

import errno
import os
import shutil
import subprocess
import tempfile
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from safetensors import safe_open

from wordgate.bundle.folder import BundleFolder
from wordgate.cli.main import exit_code
from wordgate.experiments import demo
from wordgate.storage import files
from wordgate.training.checkpoint import Checkpoint

pytestmark = pytest.mark.slow

FIXTURES = Path(__file__).parents[1] / "interchange" / "fixtures"
NOBODY = 65534
LSTM = "train reviews.csv --out new --overwrite --set lstm.epochs=2 --set lstm.min_updates=1 --set"
LSTM += " lstm.hidden_size=8 --set lstm.embedding_size=8 --set text.min_groups=1"


@dataclass(frozen=True)
class Writer:
    """A command that writes a file or a folder.

    Attributes:
        command: What is typed; `{}` stands for the folder of what it writes.
        target: What it writes.
        old: What stands there before: a file's bytes, or a folder to copy, by name.
        extra: The package it can't do without.
        goes_on: Whether it writes more after the target, which is the new one then.
    """

    command: str
    target: str
    old: bytes | str = b"the old one\n"
    extra: str | None = None
    goes_on: bool = False


WRITERS = {
    "train": Writer("train reviews.csv --model count --out {}/new --overwrite", "new", "lstm"),
    "compare": Writer(
        "compare reviews.csv --models count --split grouped --out {}/new --overwrite",
        "new",
        "comparison",
    ),
    "audit": Writer("audit reviews.csv --html {}/new.html", "new.html"),
    "score-csv": Writer("score count reviews.csv {}/new.csv --overwrite", "new.csv"),
    "score-jsonl": Writer("score count reviews.csv {}/new.jsonl --overwrite", "new.jsonl"),
    "score-gz": Writer("score count reviews.csv {}/new.csv.gz --overwrite", "new.csv.gz"),
    "score-parquet": Writer("score count reviews.csv {}/new.parquet --overwrite", "new.parquet"),
    "export": Writer("export lstm --out {}/new.onnx --overwrite", "new.onnx", extra="onnxruntime"),
    "convert-bin": Writer("vectors convert words.bin {}/new.bin --overwrite", "new.bin"),
    "convert-text": Writer("vectors convert words.bin {}/new.vec --overwrite", "new.vec"),
    "convert-glove": Writer(
        "vectors convert words.bin {}/new.txt --to glove --overwrite", "new.txt"
    ),
    "convert-gz": Writer("vectors convert words.bin {}/new.vec.gz --overwrite", "new.vec.gz"),
    "convert-safetensors": Writer(
        "vectors convert words.bin {}/new.safetensors --overwrite", "new.safetensors"
    ),
    "distill": Writer(
        "vectors distill --teacher teacher --data reviews.csv --size 4 --out {}/new.bin"
        " --overwrite",
        "new.bin",
        extra="sentence_transformers",
    ),
    "import-keras": Writer(
        "import-keras notebook.keras tokenizer.json --labels a,b,c --out {}/new --overwrite",
        "new",
        "lstm",
    ),
    "demo": Writer("demo --out {}", "corpus.csv", goes_on=True),
}


@dataclass
class Place:
    """A folder to write into, and what a command left there.

    Attributes:
        folder: The folder.
        writer: The command.
        capture: Gives what was written to the standard streams.
        new: What a run without faults wrote, or None where no two runs write the same.
    """

    folder: Path
    writer: Writer
    capture: object
    new: object = field(default=None)

    @property
    def target(self):
        return self.folder / self.writer.target

    def put_old(self):
        """Empty the folder, and put the old file or folder there."""
        for entry in self.folder.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        if isinstance(self.writer.old, str):
            shutil.copytree(self.writer.old, self.target)
        else:
            self.target.write_bytes(self.writer.old)

    def there(self):
        """Give the bytes of what stands in the target's place."""
        if self.target.is_dir():
            return {file.name: file.read_bytes() for file in self.target.iterdir()}
        return self.target.read_bytes() if self.target.exists() else None

    def run(self):
        """Run the command; give its exit code and what it wrote to the streams."""
        self.capture.readouterr()
        code = exit_code(self.writer.command.format(self.folder).split())
        out, err = self.capture.readouterr()
        return code, out, err

    def is_new(self):
        """Tell whether a new file or folder stands there, whole."""
        there = self.there()
        if self.new is not None:
            return there == self.new
        if "report.html" in there and "comparison.json" in there:
            return there["report.html"].rstrip().endswith(b"</html>")
        folder = BundleFolder.open(self.target)
        return folder.changed_files() == [] and folder.config().family == "count"

    def check_failed(self, code, out, err, *, may_be_new=False):
        """See that a failure was told and did no harm."""
        assert code == 1, err
        assert out == ""
        last = err.splitlines()[-1]
        assert last.startswith("wordgate: ")
        assert "Traceback" not in err
        assert str(self.folder) in last or "notebook.keras: the file cannot be unpacked" in last
        may_be_new |= self.writer.goes_on
        assert self.there() == self.old or (may_be_new and self.is_new())

    def check_next(self):
        """See that what was left blocks no next run, and goes with it."""
        code, _, err = self.run()
        assert code == 0, err
        assert self.is_new()
        beside = {entry.name for entry in self.folder.iterdir()} - {self.writer.target}
        assert beside <= {"model"}, "what the demo makes besides"

    @property
    def old(self):
        old = self.writer.old
        if isinstance(old, bytes):
            return old
        return {file.name: file.read_bytes() for file in Path(old).iterdir()}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory, reviews, count_model, lstm_model, review_vectors):
    """A folder that holds whatever the commands read, and that everybody may read."""
    folder = Path(tempfile.mkdtemp(prefix="wordgate-faults-"))
    folder.chmod(0o755)
    for name, source in {"reviews.csv": reviews, "words.bin": review_vectors}.items():
        shutil.copy(source, folder / name)
    for name in ("notebook.keras", "tokenizer.json"):
        shutil.copy(FIXTURES / name, folder / name)
    shutil.copytree(count_model.folder, folder / "count")
    shutil.copytree(lstm_model.folder, folder / "lstm")
    (folder / "comparison").mkdir()
    for name in ("comparison.json", "report.html"):
        (folder / "comparison" / name).write_text("the old one")
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def count(found):
    """Add up what was tried with all writers, by its kind."""
    tried = Counter()
    yield lambda what, number: tried.update({what: number})
    for what, number in tried.items():
        found(
            what,
            f"{number} tried: the old one whole (the new, where only what follows its move failed),"
            ' never "saved"',
        )


@pytest.fixture(params=WRITERS)
def writer(request, inputs, monkeypatch):
    chosen = WRITERS[request.param]
    if chosen.extra:
        pytest.importorskip(chosen.extra)
    if request.param == "distill" and not (inputs / "teacher").exists():
        shutil.copytree(request.getfixturevalue("tiny_teacher"), inputs / "teacher")
    monkeypatch.chdir(inputs)
    monkeypatch.setenv("WORDGATE_CACHE_HOME", str(inputs / "cache"))
    if request.param == "demo":
        trained = request.getfixturevalue("lstm_training").training
        monkeypatch.setattr(demo, "train", lambda *_, **__: trained)
    return chosen


@pytest.fixture
def place(writer, tmp_path, capsys):
    """An empty folder to write into."""
    return made(tmp_path / "out", writer, capsys)


_written = {}


def made(folder, writer, capsys):
    """Give a place to write into, once the command has run in one: so all it needs is loaded."""
    folder.mkdir(exist_ok=True)
    here = Place(folder, writer, capsys)
    if writer.command not in _written:
        here.put_old()
        code, _, err = here.run()
        assert code == 0, err
        _written[writer.command] = here.there()
    if not writer.command.startswith(("train", "compare")):  # which note the time
        here.new = _written[writer.command]
    return here


STEPS = {
    os: ("fsync", "open"),
    Path: ("open", "mkdir", "touch", "replace", "rename", "unlink", "rmdir"),
    tempfile: ("mkdtemp",),
    files: ("_exchange",),
}
FORGIVEN = ("unlink", "rmdir")  # what fails to go away does no harm


class Failing:
    """Lets the n-th step that changes the disk fail; counts them all.

    Attributes:
        steps: The steps there were: what was called, and with what.
    """

    def __init__(self, monkeypatch, nth=0, number=errno.EIO):
        self.steps, self._nth, self._number = [], nth, number
        for owner, names in STEPS.items():
            for name in names:
                monkeypatch.setattr(owner, name, self._step(name, getattr(owner, name)))

    def _step(self, name, real):
        def call(*arguments, **options):
            if name == "open" and not opens_to_change(*arguments[1:], **options):
                return real(*arguments, **options)
            self.steps.append((name, arguments))
            if len(self.steps) == self._nth:
                named = arguments[:1] if arguments and not isinstance(arguments[0], int) else ()
                raise OSError(self._number, os.strerror(self._number), *map(str, named))
            return real(*arguments, **options)

        return call

    def placed_at(self, target):
        """Give the number of the step that brings the new one to its place."""
        moves = ("replace", "rename", "_exchange")
        return max(
            number
            for number, (name, arguments) in enumerate(self.steps, start=1)
            if name in moves and Path(arguments[1]) == target
        )


def opens_to_change(mode="r", *_, **__):
    """Tell whether a file is opened to be written, or a folder to be forced to the disk."""
    if isinstance(mode, int):
        return mode == os.O_RDONLY | getattr(os, "O_DIRECTORY", 0)
    return bool(set(mode) & set("wax+"))


def some(rng, total, most):
    """Choose so many of the numbers 1 to `total`, or all of them if there are no more."""
    return sorted(rng.sample(range(1, total + 1), min(most, total)))


def test_an_error_at_any_step_leaves_the_old_one_whole(place, monkeypatch, how_many, count, rng):
    place.put_old()
    with monkeypatch.context() as patched:
        counting = Failing(patched)
        assert place.run()[0] == 0
    total, placed = len(counting.steps), counting.placed_at(place.target)
    tried = some(rng, total, how_many(2, 1000))
    for nth in tried:
        place.put_old()
        number = rng.choice([errno.EIO, errno.ENOSPC, errno.EDQUOT])
        with monkeypatch.context() as patched:
            failing = Failing(patched, nth, number)
            code, out, err = place.run()
        name = failing.steps[nth - 1][0]
        if code == 0 and name in FORGIVEN:
            assert place.is_new()
            continue
        place.check_failed(code, out, err, may_be_new=nth > placed)
        if how_many(nth == tried[0], True):
            place.check_next()
    count("an error at each write, sync and rename", len(tried))


@contextmanager
def no_file_beyond(size):
    """Let the system refuse to make any file larger, as a full disk does."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def largest(there):
    return max(map(len, there.values())) if isinstance(there, dict) else len(there)


def test_a_write_refused_at_any_byte_leaves_the_old_one_whole(place, how_many, count, rng):
    # What tells seconds may be some bytes shorter the next time.
    size = largest(_written[place.writer.command]) - 100
    tried = {size, *(rng.randrange(size) for _ in range(how_many(0, 40)))}
    for limit in tried:
        place.put_old()
        with no_file_beyond(limit):
            ended = place.run()
        place.check_failed(*ended)
    if how_many(False, True):
        place.check_next()
    count("a write refused at some byte", len(tried))


@pytest.fixture(scope="module")
def small_disk():
    """A disk of 4 MB."""
    folder = Path(tempfile.mkdtemp(prefix="wordgate-small-disk-"))
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, text=True, check=False)
        why = mounted.stderr.strip() if mounted.returncode else ""
    except OSError as error:
        why = str(error)
    if why:
        folder.rmdir()
        pytest.skip(f"no small disk can be mounted here: {why}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)
    folder.rmdir()


def test_a_full_disk_leaves_the_old_one_whole(writer, small_disk, capsys, how_many, count, rng):
    place = made(small_disk / "out", writer, capsys)
    page = os.statvfs(small_disk).f_frsize
    needed = 3 * sum(map(len, files_of(place))) // page + 20  # pages, beside the old one
    ballast, full = small_disk / "ballast", 0
    for free in sorted({0, *some(rng, needed, how_many(0, 60))}):
        place.put_old()
        space = os.statvfs(small_disk)
        with ballast.open("wb") as stream:
            os.posix_fallocate(stream.fileno(), 0, max(1, space.f_bavail - free) * page)
        ended = place.run()
        ballast.unlink()
        if ended[0] == 0:
            assert place.is_new()
            continue
        full += 1
        place.check_failed(*ended)
        if how_many(False, True):
            place.check_next()
    assert full
    count("a disk of 4 MB that fills up", full)


def files_of(place):
    there = _written[place.writer.command]
    return there.values() if isinstance(there, dict) else [there]


@contextmanager
def nobody_special():
    """Become a user who may not write everywhere, if this one may."""
    if os.geteuid():
        yield
        return
    os.setresuid(NOBODY, NOBODY, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.mark.skipif(not hasattr(os, "setresuid"), reason="this system has no such users")
def test_a_folder_that_may_not_be_written_to_is_left_as_it_was(
    writer, inputs, capsys, how_many, count
):
    place = made(inputs / "out", writer, capsys)
    place.put_old()
    place.folder.chmod(0o555)
    try:
        with nobody_special():
            ended = place.run()
        place.check_failed(*ended)
        assert [entry.name for entry in place.folder.iterdir()] == [writer.target]
    finally:
        place.folder.chmod(0o755)
    count("a folder of mode 555", 1)
    if how_many(False, True):
        place.check_next()


@pytest.fixture
def every_update(monkeypatch):
    monkeypatch.setattr(Checkpoint, "is_due", lambda self: True)


def weights(folder):
    return (folder / "weights.safetensors").read_bytes()


def updates_in(checkpoint):
    with safe_open(checkpoint, framework="numpy") as kept:
        return len([kept.get_tensor(name) for name in kept.keys()])  # noqa: SIM118


@pytest.fixture
def training(inputs, every_update, monkeypatch, tmp_path, capsys):
    """Train an LSTM with a checkpoint after each update; give the weights without a fault."""
    shutil.copy(inputs / "reviews.csv", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert exit_code(LSTM.split()) == 0
    expected = weights(Path("new"))
    shutil.rmtree("new")
    capsys.readouterr()
    return expected


def check_resumable(code, streams, expected, *, kept):
    """See that a training that failed at its checkpoint goes on from the one before."""
    assert code == 1, streams.err
    assert streams.out == ""
    assert streams.err.splitlines()[-1].startswith("wordgate: ")
    assert "new" in streams.err.splitlines()[-1]
    if Path("new.checkpoint").exists():
        assert updates_in("new.checkpoint")
        assert exit_code([*LSTM.split(), "--resume"]) == 0
    else:
        assert not kept
        assert exit_code(LSTM.split()) == 0
    assert weights(Path("new")) == expected
    assert sorted(os.listdir()) == ["new", "reviews.csv"]


def test_an_error_in_any_checkpoint_leaves_the_one_before(
    training, monkeypatch, how_many, capsys, found, rng
):
    with monkeypatch.context() as patched:
        counting = Failing(patched)
        assert exit_code(LSTM.split()) == 0
    names = [(name, *map(str, arguments[:1])) for name, arguments in counting.steps]
    first = names.index(("replace", ".new.checkpoint.new")) + 1
    tried = some(rng, len(names), how_many(1, 60))
    for nth in tried:
        shutil.rmtree("new", ignore_errors=True)
        capsys.readouterr()
        with monkeypatch.context() as patched:
            Failing(patched, nth, rng.choice([errno.EIO, errno.ENOSPC]))
            code = exit_code(LSTM.split())
        streams = capsys.readouterr()
        if code == 0 and names[nth - 1][0] in FORGIVEN:
            continue
        check_resumable(code, streams, training, kept=nth > first)
    found("an error at a write, sync or rename of a checkpoint", f"{len(tried)} tried, resumed")


def test_a_checkpoint_refused_at_any_byte_leaves_the_one_before(
    training, monkeypatch, how_many, capsys, found, rng
):
    sizes, real = [], Checkpoint.save

    def save(checkpoint, state):
        if len(sizes) < update:
            real(checkpoint, state)
            sizes.append(checkpoint.file.stat().st_size)
            return
        with no_file_beyond(rng.randrange(sizes[-1])):
            real(checkpoint, state)

    for _ in range(how_many(1, 40)):
        update = rng.randrange(1, 40)
        sizes.clear()
        shutil.rmtree("new", ignore_errors=True)
        capsys.readouterr()
        with monkeypatch.context() as patched:
            patched.setattr(Checkpoint, "save", save)
            code = exit_code(LSTM.split())
        check_resumable(code, capsys.readouterr(), training, kept=True)
    found("a checkpoint refused at some byte", f"{how_many(1, 40)} tried, resumed")
