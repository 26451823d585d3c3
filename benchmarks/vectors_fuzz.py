"""Reading 500,000 malformed files of word vectors: `make bench-vectors-fuzz`.

Files of every format, plain and gzipped, with false headers, bytes changed, inserted or deleted,
and truncated. Each is opened and read both ways in a process that may use 2 GiB of addresses beside
those of its libraries; it must end in vectors or in one sentence (`DataError`), within a second. A
case over a tenth of that is read twice and the faster counts, since a busy machine can stop any
process.

    python benchmarks/vectors_fuzz.py                 all cases
    python benchmarks/vectors_fuzz.py --cases 10000   fewer
    python benchmarks/vectors_fuzz.py --case 123      shows one case again
"""

import gzip
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

from wordgate.errors import DataError
from wordgate.vectors.formats import FORMATS, open_vectors
from wordgate.vectors.vector_file import VectorBatch
from wordgate.vectors.writing import write_vectors

CASES, SLOW, UNUSUAL, HANGS = 500_000, 1.0, 0.1, 20.0
ADDRESSES = 2 * 2**30
WORDS = [b"</s>", b"the", b"caf\xe9", b"New_York", b"the", b"w" * 40, b"of"]
SIZE = 5
CLAIMS = [b"0", b"1", b"6", b"8", b"65536", b"65537", b"3000000", b"4294967296",
          b"9223372036854775807", b"18446744073709551616", b"9" * 40, b"-1", b"1e9",
          b"7.0"]  # fmt: skip
PIECES = [b"\n", b" ", b"  ", b"\t", b"\r\n", b"\0", b"\xff" * 9, b"nan", b"inf", b"-1e999", b"1_0",
          b"0.125", b"9" * 300, b"x" * 11_000, b"\x1f\x8b", b"\x80\x04", b"{"]  # fmt: skip


def main(options: list[str]) -> None:
    """Run all cases on all cores and print what became of them."""
    chosen = dict(zip(options[::2], options[1::2], strict=True))
    if "--part" in chosen:
        print(json.dumps(_part(*map(int, chosen["--part"].split(",")))))
        return
    if "--case" in chosen:
        content = _content(_whole_files(), int(chosen["--case"]))
        with tempfile.TemporaryDirectory() as folder:
            print(content, _outcome(Path(folder) / "case", content), sep="\n")
        return
    sys.exit(_all(int(chosen.get("--cases", CASES))))


def _all(cases: int) -> int:
    parts, started = os.cpu_count() or 1, time.perf_counter()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, "--part", f"{part},{parts},{cases}"],
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        for part in range(parts)
    ]
    outputs = [process.communicate()[0] for process in processes]
    crashed = [process.returncode for process in processes if process.returncode]
    results = [json.loads(output) for output in outputs if output]
    outcomes = sum((Counter(result["outcomes"]) for result in results), Counter())
    failures = [failure for result in results for failure in result["failures"]]
    slowest = max((tuple(result["slowest"]) for result in results), default=(0.0, -1))
    print(f"| outcome | of {cases:,} cases |\n|---|---|")
    for outcome, n in outcomes.most_common():
        print(f"| {outcome} | {n:,} |")
    seconds = time.perf_counter() - started
    peak = max((result["peak_mb"] for result in results), default=0)
    print(
        f"\nslowest: case {slowest[1]} in {slowest[0]:.3f} s; all in {seconds:.0f} s by {parts}"
        " processes of 2 GiB of addresses beside their libraries',"
        f" at most {peak:.0f} MB of memory each"
    )
    print(
        f"neither vectors nor a sentence: {len(failures)}; processes that crashed: {len(crashed)}"
    )
    for failure in failures[:20]:
        print(failure)
    return int(bool(crashed or failures or slowest[0] > SLOW))


def _part(part: int, parts: int, cases: int) -> dict[str, object]:
    """Run every so-manieth case in this process."""
    whole, outcomes, failures, slowest = _whole_files(), Counter(), [], (0.0, -1)
    _limit_addresses()
    with tempfile.TemporaryDirectory(dir=_fast_folder()) as folder:
        file = Path(folder) / "case"
        for case in range(part, cases, parts):
            content = _content(whole, case)
            outcome, seconds = _timed(file, content)
            if seconds > UNUSUAL:
                seconds = min(seconds, _timed(file, content)[1])
            slowest = max(slowest, (seconds, case))
            if outcome in ("vectors", "a sentence"):
                outcomes[outcome] += 1
            else:
                failures.append(f"case {case}: {outcome}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return {"outcomes": outcomes, "failures": failures, "slowest": slowest, "peak_mb": peak}


def _limit_addresses() -> None:
    """Allow 2 GiB of addresses beside what is mapped now, where the system tells that."""
    sizes = Path("/proc/self/statm")
    if sizes.exists():
        allowed = int(sizes.read_text().split()[0]) * resource.getpagesize() + ADDRESSES
        resource.setrlimit(resource.RLIMIT_AS, (allowed, allowed))


def _timed(file: Path, content: bytes) -> tuple[str, float]:
    started = time.perf_counter()
    return _outcome(file, content), time.perf_counter() - started


def _fast_folder() -> str | None:
    """Give a folder in memory, where the system has one."""
    return "/dev/shm" if os.path.isdir("/dev/shm") else tempfile.gettempdir()


def _outcome(file: Path, content: bytes) -> str:
    """Read a file both ways; say what it came to."""
    file.write_bytes(content)
    signal.signal(signal.SIGALRM, _hangs)
    signal.setitimer(signal.ITIMER_REAL, HANGS)
    try:
        opened = open_vectors(file)
        for _, vector in opened.wanted(WORDS):
            if vector.shape != (opened.dim,) or not np.isfinite(vector).all():
                return f"a vector {vector}"
        for block in opened.batches():
            if block.vectors.shape != (len(block.words), opened.dim):
                return f"a block of shape {block.vectors.shape}"
    except DataError as error:
        whole = str(file) in str(error) and "\n" not in str(error)
        return "a sentence" if whole else f"a poor sentence: {error}"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return "vectors"


def _hangs(*_: object) -> None:
    raise TimeoutError(f"still running after {HANGS} s")


def _whole_files() -> list[tuple[bytes, bool]]:
    """Make a whole file of each kind, and tell whether it is still to be gzipped."""
    table = np.random.default_rng(0).standard_normal((len(WORDS), SIZE)).astype(np.float32)
    files = []
    with tempfile.TemporaryDirectory() as folder:
        for form in FORMATS:
            file = Path(folder) / form
            write_vectors(
                file, [VectorBatch(WORDS, table)], format=form, count=len(WORDS), dim=SIZE
            )
            files.append(file.read_bytes())
    binary, text, glove, _ = files
    rows = (w + b" " + v.tobytes() + b"\n" for w, v in zip(WORDS, table, strict=True))
    by_c_program = binary[: binary.index(b"\n") + 1] + b"".join(rows)
    by_fasttext = text.replace(b"\n", b" \n").replace(b" \n", b"\n", 1)
    files += [by_c_program, by_fasttext, glove.replace(b"the", b". . .").replace(b"\n", b"\r\n")]
    plain = [(content, False) for content in files]
    return plain + [(content, True) for content in files if content != files[3]]


def _content(whole: list[tuple[bytes, bool]], case: int) -> bytes:
    """Make the broken file of a number."""
    chance = np.random.default_rng([0, case])
    content, to_pack = whole[chance.integers(len(whole))]
    if to_pack and chance.random() < 0.5:
        return _broken(gzip.compress(content, 1, mtime=0), chance)
    content = _broken(content, chance)
    return gzip.compress(content, 1, mtime=0) if to_pack else content


def _broken(content: bytes, chance: np.random.Generator) -> bytes:
    way = chance.integers(5)
    if way == 0:
        return _lying(content, chance)
    if way == 1:
        return content[: chance.integers(len(content))]
    broken = bytearray(content)
    for _ in range(chance.integers(1, 5)):
        # Every other change hits the first bytes, where headers are.
        end = len(broken) if chance.random() < 0.5 else min(40, len(broken))
        place = int(chance.integers(end + 1))
        if way == 2:
            broken[place : place + 1] = bytes([chance.integers(256)])
        elif way == 3:
            broken[place:place] = PIECES[chance.integers(len(PIECES))]
        else:
            del broken[place : place + int(chance.integers(1, 40))]
    return bytes(broken)


def _lying(content: bytes, chance: np.random.Generator) -> bytes:
    """Put other claims into a header."""
    if content[8:9] == b"{":  # safetensors: its length, or one of its numbers
        if chance.random() < 0.3:
            return chance.bytes(int(chance.integers(1, 9))).ljust(8, b"\0") + content[8:]
        numbers = [b"[7,", b", 5]", b"[7]", b"[0, 140]", b"[140, 196]", b'"F32"', b'"I64"', b'"U8"']
        claim = CLAIMS[chance.integers(len(CLAIMS))]
        old = numbers[chance.integers(len(numbers))]
        return content.replace(old, old[:1] + claim + old[-1:])
    claims = [CLAIMS[i] for i in chance.integers(len(CLAIMS), size=2)]
    header = [b"%d" % len(WORDS), b"%d" % SIZE]
    if chance.random() < 0.7:  # one of them stays
        claims[chance.integers(2)] = header[chance.integers(2)]
    return b" ".join(claims) + b"\n" + content.partition(b"\n")[2]


if __name__ == "__main__":
    main(sys.argv[1:])
