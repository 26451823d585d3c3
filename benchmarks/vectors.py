"""Reading the vectors of 30,000 words out of 3,000,000: `make bench-vectors`.

A file of 3,000,000 x 300 in word2vec's binary format, as large as GoogleNews' and with words as
long, is made in a temporary folder (WORDGATE_BENCH_TMP names another; 4.5 GB) and deleted in the
end. The wanted words are spread over the file, which is the hardest case: real ones are frequent
words, which are at its beginning. Smaller files show gzip and text.

Below the plain reading is that of a training: it looks for each word in every spelling, and writes
the vectors to a cache, which the next run reads.

Peers: the system's `cat` or `gzip -dc`, which only read the file, and gensim, which loads it whole
and then picks; WORDGATE_BENCH_GENSIM names an interpreter that has it. Each reads in a process of
its own, in turn, with the file in the page cache. Seconds are from opening the file to the vectors
in one float32 array [words, 300], without the start of the interpreter and its imports; CPU seconds
of the same stretch stand beside them for a machine that others use, too. Memory is
the largest RssAnon that /proc shows of the process, looked at 200 times a second: what it
allocated, its imports included, without pages of files, which the system can drop. That both picked
the same vectors is checked.

    python benchmarks/vectors.py            all of it
    python benchmarks/vectors.py --small    files of a hundredth, to try it out
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np

from command import circumstances, print_facts, program_of, require_program
from printing import print_header, print_row
from wordgate.vectors.formats import open_vectors
from wordgate.vectors.writing import write_vectors

SOURCE = Path(__file__).parents[1] / "src"
GENSIM = program_of("gensim")
AS_TRAINING, AGAIN = "wordgate, any spelling, written to the cache", "wordgate, from the cache"
SIZE, REPEATS, GENSIM_REPEATS = 300, 7, 3
BLOCK = 20_000
PREDICTED = (
    "predicted before the first whole run, the reader being written: wordgate 3.3 times cat and"
    " 60 MB at 30,000 of 3,000,000; gensim 20 s and 4,300 MB"
)
WORDGATE_PEER = """
import sys, time, json, hashlib
import numpy as np
from wordgate.vectors.formats import open_vectors
file, words = sys.argv[1:]
wanted = open(words, "rb").read().split(b"\\n")
started, worked = time.perf_counter(), time.process_time()
opened = open_vectors(file)
found, table = [], np.empty((len(wanted), opened.dim), np.float32)
for row, (word, vector) in enumerate(opened.wanted(wanted)):
    table[row] = vector
    found.append(word)
seconds = [time.perf_counter() - started, time.process_time() - worked]
rows = {word: row for row, word in enumerate(found)}
table = table[[rows[word] for word in wanted]]
print(json.dumps([*seconds, hashlib.sha256(table.tobytes()).hexdigest()]))
"""
LOOK_UP_PEER = """
import sys, time, json, hashlib
import numpy as np
from wordgate.runtime.progress import Silent
from wordgate.vectors.pretrained import PretrainedVectors
file, words = sys.argv[1:]
wanted = open(words, "rb").read().decode().split("\\n")
started, worked = time.perf_counter(), time.process_time()
found = PretrainedVectors.open(file, Silent()).lookup(wanted, "any", Silent())
seconds = [time.perf_counter() - started, time.process_time() - worked]
print(json.dumps([*seconds, hashlib.sha256(found.vectors.tobytes()).hexdigest()]))
"""
GENSIM_PEER = """
import sys, time, json, hashlib
import numpy as np
from gensim.models import KeyedVectors
file, words = sys.argv[1:]
wanted = open(words, "rb").read().decode().split("\\n")
started, worked = time.perf_counter(), time.process_time()
vectors = KeyedVectors.load_word2vec_format(file, binary=".bin" in file)
table = vectors[wanted]
seconds = [time.perf_counter() - started, time.process_time() - worked]
print(json.dumps([*seconds, hashlib.sha256(table.tobytes()).hexdigest()]))
"""


@dataclass(frozen=True)
class Cost:
    """One reading of a file."""

    seconds: float
    cpu_seconds: float
    anonymous_mb: float
    picked: str  # a digest of the vectors


def main(options: list[str]) -> None:
    """Make the files and print the table."""
    require_program("gensim")
    share = 100 if "--small" in options else 1
    with tempfile.TemporaryDirectory(dir=os.environ.get("WORDGATE_BENCH_TMP")) as name:
        folder = Path(name)
        print_header("file", "reader", "s", "ratio", "CPU s", "ratio", "peak anonymous MB")
        ratios = [
            _compare(_binary(folder / "v.bin", 3_000_000 // share), 30_000 // share),
            _compare(_gzipped(_binary(folder / "small.bin", 300_000 // share)), 3_000 // share),
            _compare(_text(_binary(folder / "text.bin", 60_000 // share)), 600 // share),
        ]
    print("", *ratios, PREDICTED, sep="\n")
    asked = "import gensim, numpy; print(gensim.__version__, 'on numpy', numpy.__version__)"
    gensim = subprocess.run([GENSIM, "-c", asked], capture_output=True, text=True, check=True)
    print_facts({**circumstances("wordgate", "numpy"), "gensim": gensim.stdout.strip()})


def _binary(file: Path, rows: int) -> Path:
    """Write vectors of random numbers, one block of them again and again."""
    chance = np.random.default_rng(0)
    table = chance.standard_normal((BLOCK, SIZE), dtype=np.float32) * np.float32(0.15)
    vectors = [vector.tobytes() for vector in table]
    with file.open("wb") as stream:
        stream.write(b"%d %d\n" % (rows, SIZE))
        for first in range(0, rows, BLOCK):
            words = _words(first, min(BLOCK, rows - first), chance)
            pairs = zip(words, vectors, strict=False)
            stream.write(b"".join(word + b" " + vector for word, vector in pairs))
    return file


def _words(first: int, n: int, chance: np.random.Generator) -> Iterator[bytes]:
    """Make distinct words, 13.7 bytes long in the mean, as GoogleNews' are."""
    letters = np.frombuffer(b"etaoinshrdlucmfwypvbgkjqxz_", np.uint8)
    text = letters[chance.integers(len(letters), size=40 * n)].tobytes()
    lengths = chance.poisson(8.7, n).clip(1, 34).tolist()
    for i, length in enumerate(lengths):
        number, end = first + i, b""
        for _ in range(5):
            number, letter = divmod(number, 26)
            end += b"%c" % (97 + letter)
        yield text[40 * i : 40 * i + length] + end


def _gzipped(file: Path) -> Path:
    subprocess.run(["gzip", "-1", file], check=True)
    return file.with_name(file.name + ".gz")


def _text(file: Path) -> Path:
    """Write a binary file again as fastText's `.vec`."""
    opened, text = open_vectors(file), file.with_suffix(".vec")
    write_vectors(
        text, opened.batches(), format="word2vec-text", count=opened.rows(), dim=opened.dim
    )
    return text


def _compare(file: Path, n_wanted: int) -> str:
    """Read a file in every way, print the medians, and give the ratios."""
    words = _wanted(file, n_wanted)
    plain = ["gzip", "-dc", file] if file.suffix == ".gz" else ["cat", file]
    peers = {
        " ".join(map(str, plain[:-1])): plain,
        "wordgate": [sys.executable, "-c", WORDGATE_PEER, file, words],
        AS_TRAINING: [sys.executable, "-c", LOOK_UP_PEER, file, words],
        AGAIN: [sys.executable, "-c", LOOK_UP_PEER, file, words],
        "gensim": [GENSIM, "-c", GENSIM_PEER, file, words],
    }
    costs: dict[str, list[Cost]] = {name: [] for name in peers}
    _run(plain)  # into the page cache
    for turn in range(REPEATS):
        for name, command in peers.items():
            if name == AS_TRAINING:  # as if for the first time
                shutil.rmtree(file.parent / "cache", ignore_errors=True)
            if name != "gensim" or turn < GENSIM_REPEATS:
                costs[name].append(_run(command, file.parent / "cache"))
    if len({cost.picked for several in costs.values() for cost in several} - {""}) != 1:
        sys.exit(f"{file.name}: the readers picked different vectors")
    seconds = {name: median(cost.seconds for cost in several) for name, several in costs.items()}
    worked = {name: median(cost.cpu_seconds for cost in several) for name, several in costs.items()}
    memory = {name: max(cost.anonymous_mb for cost in several) for name, several in costs.items()}
    reader, size = next(iter(peers)), file.stat().st_size / 1e9
    for name in peers:
        print_row(f"{file.suffixes[-1]}, {size:.2f} GB, {n_wanted:,} wanted", name,
                  f"{seconds[name]:.2f}", f"{seconds[name] / seconds[reader]:.1f}",
                  f"{worked[name]:.2f}", f"{worked[name] / max(0.01, worked[reader]):.1f}",
                  f"{memory[name]:,.0f}")  # fmt: skip
    file.unlink()
    return (
        f"- {file.suffixes[-1]}: {seconds['wordgate'] / seconds[reader]:.1f} times {reader}"
        f" ({worked['wordgate'] / max(0.01, worked[reader]):.1f} in CPU seconds);"
        f" {seconds['gensim'] / seconds['wordgate']:.1f} times faster than gensim, with"
        f" {memory['gensim'] / memory['wordgate']:.1f} times less memory"
    )


def _wanted(file: Path, n: int) -> Path:
    """Write words that lie all over a file, in random order, one a line."""
    chance, opened = np.random.default_rng(1), open_vectors(file)
    chosen = set(chance.choice(opened.rows(), n, replace=False).tolist())
    found, row = [], 0
    for block in opened.batches():
        found += [word for i, word in enumerate(block.words, start=row) if i in chosen]
        row += len(block.words)
    words = file.with_name("wanted")
    words.write_bytes(b"\n".join(found[i] for i in chance.permutation(n)))
    return words


def _run(command: list[str | Path], cache: Path | None = None) -> Cost:
    """Read once in a process of its own, watching its memory."""
    if command[0] not in (sys.executable, GENSIM):
        started, before = time.perf_counter(), os.times()
        subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
        seconds, after = time.perf_counter() - started, os.times()
        worked = after.children_user + after.children_system
        worked -= before.children_user + before.children_system
        return Cost(seconds, worked, 0.0, "")
    environment, peak = {**os.environ, "PYTHONPATH": str(SOURCE)}, 0.0
    environment["WORDGATE_CACHE_HOME"] = str(cache)
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        while process.poll() is None:
            peak = max(peak, _anonymous_mb(process.pid))
            time.sleep(0.005)
        output = process.stdout.read() if process.stdout else b""
    if process.returncode:
        sys.exit(f"{command[0]} failed")
    seconds, worked, picked = json.loads(output)
    return Cost(seconds, worked, peak, picked)


def _anonymous_mb(process: int) -> float:
    """Ask Linux for a process's memory that is no file's."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0.0
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    return int(fields.get("RssAnon", "0 kB").split()[0]) / 1e3


if __name__ == "__main__":
    main(sys.argv[1:])
