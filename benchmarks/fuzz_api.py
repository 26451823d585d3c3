"""Thousands of requests generated from the server's OpenAPI description: `make fuzz-api`.

schemathesis reads `/openapi.json` of a server with a small model, and sends requests that
follow it, requests that violate it, and bytes that are no requests at all. No response may be a
5xx, and each must be as described: status, type, headers, schema. It continues, with another seed
each time, until the number of cases is reached, and exits with 1 if any failed.

    python benchmarks/fuzz_api.py                     20,000 cases, some minutes
    python benchmarks/fuzz_api.py --cases 2000 --bundle model

WORDGATE_BENCH_SCHEMATHESIS names the program; without it `make` sets up .venv-schemathesis.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import wordgate
from command import require_program
from serving.process import Server
from wordgate.runtime.progress import Silent

# Small ones, so that a request which breaks a limit is not first of all too long.
LIMITS = ("--max-texts", "20", "--max-text-length", "500", "--max-explain-length", "100",
          "--drain-delay", "0")  # fmt: skip
EXAMPLES = 2000
SHOWN = 300  # characters of a line
ROUND_SECONDS = 1800


def main() -> None:
    """Try the cases, and print how many there were and what failed."""
    chosen = _parsed()
    program = require_program("schemathesis", "schemathesis")
    started, tried, failed, seed = time.perf_counter(), 0, 0, 0
    with tempfile.TemporaryDirectory() as folder:
        server = Server(chosen.bundle or _trained(Path(folder)), *LIMITS)
        while tried < chosen.cases and not failed:
            output = _round(program, server, seed, min(EXAMPLES, chosen.cases - tried), folder)
            cases = _number(r"([\d,]+) generated", output)
            failed = _number(r"found ([\d,]+) unique", output) + ("No such command" in output)
            print(f"seed {seed}: {cases:,} cases, {failed:,} kinds of failures", flush=True)
            if failed or not cases:
                print("\n".join(line[:SHOWN] for line in output.splitlines()))
                failed = failed or 1
            tried, seed = tried + cases, seed + 1
        code = server.end()
    fine = not failed and code == 0 and "Traceback" not in server.log
    print(f"{tried:,} cases in {time.perf_counter() - started:,.0f} s; the server ended with {code}"
          f" and wrote {server.log.count('Traceback')} tracebacks")  # fmt: skip
    sys.exit(0 if fine else 1)


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--bundle", help="a model; else one of word counts is trained on a corpus")
    return parser.parse_args()


def _trained(folder: Path) -> Path:
    """Train a small LSTM on made-up texts."""
    rows = "".join(f"{n},{'good' if n % 2 else 'bad'},{'love' if n % 2 else 'hate'} number {n}\n"
                   for n in range(400))  # fmt: skip
    (folder / "rows.csv").write_text("id,label,text\n" + rows, encoding="utf-8")
    small = {
        "lstm.epochs": 1,
        "lstm.min_updates": 1,
        "lstm.hidden_size": 8,
        "lstm.embedding_size": 8,
    }
    wordgate.train(folder / "rows.csv", out=folder / "model", settings=small, progress=Silent())
    return folder / "model"


def _round(program: str, server: Server, seed: int, examples: int, folder: str) -> str:
    """Run schemathesis once, and return its output."""
    done = subprocess.run(
        [program, "run", f"{server.url}/openapi.json", "--max-examples", str(examples),
         "--seed", str(seed), "--continue-on-failure", "--no-color",
         "--suppress-health-check", "all", "--request-timeout", "30"],
        capture_output=True, text=True, cwd=folder, timeout=ROUND_SECONDS, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def _number(pattern: str, output: str) -> int:
    found = re.search(pattern, output)
    return int(found[1].replace(",", "")) if found else 0


if __name__ == "__main__":
    main()
