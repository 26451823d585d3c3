"""`wordgate serve` under load, overload and attacks: `make bench-serve`.

One server process on the loopback device, the load on the same machine; the texts are the real
tweets, each of them once in a round.

- **Load.** wrk, whose connections send a request as soon as they have the response: one text per
  request, and 64. Beside it the rate of the predictor alone on lists of 512 texts.
- **Overload.** Requests of 64 texts at fixed times, three times the peak rate of wrk.
  Goodput is the rate of responses with 200; times count from when a request was due.
- **Attacks.** Bodies of 10 GB in chunks, false content lengths, a gzip bomb, 1,000 slow clients;
  beside each a usual load of one text a request, whose p99 is compared with that of a quiet server.
  The growth of the server's peak memory is compared with twice the longest body it accepts.
- **The end.** SIGTERM at a random time while clients send requests: every request that was sent
  on a connection must be answered whole, and the process must exit with 0.

    python benchmarks/serve.py                          all of it, some ten minutes
    python benchmarks/serve.py --bundle model           with an existing model
    python benchmarks/serve.py --only load --seconds 5
    python benchmarks/serve.py --out day.json           the figures, too

wrk is a program of its own; on Debian: apt-get install wrk.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import wordgate
from command import circumstances, print_facts, trained, write_json
from printing import print_header, print_row
from serving import load
from serving.material import bodies, tweets, write_bodies
from serving.process import Server
from serving.wrk import wrk
from wordgate.serve.limits import Limits

AT_ONCE = 64
CONNECTIONS = {1: 32, AT_ONCE: 16}
PARTS = ("load", "overload", "attacks", "end")
ATTACKS = {
    "endless": "10 bodies of 10 GB, chunked",
    "lying": "70 lengths that are lies",
    "bomb": "50 gzip bombs of 200 MB",
    "slow": "1,000 slow clients",
}
USUAL_RATE = 200
OWN_TEXTS = 512
CLIENTS = 16


def main() -> None:
    """Measure, print the tables, keep the figures."""
    chosen = _parsed()
    facts = circumstances("wordgate", "numpy", "uvicorn", "httptools", "uvloop", "orjson")
    print_facts(facts)
    figures: dict[str, Any] = {"facts": facts}
    with tempfile.TemporaryDirectory() as folder:
        bundle = chosen.bundle or trained(Path(folder) / "model")
        texts = tweets()
        for part in chosen.only:
            figures[part] = _PARTS[part](chosen, bundle, texts, Path(folder))
    write_json(chosen.out, figures)


def _parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--bundle", help="a model; else recipe default is trained on the tweets")
    parser.add_argument("--kernel", default="numpy")
    parser.add_argument("--only", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--seconds", type=int, default=30, help="of each load")
    parser.add_argument("--overload-seconds", type=int, default=120)
    parser.add_argument("--attack-seconds", type=int, default=15)
    parser.add_argument("--rounds", type=int, default=50, help="of SIGTERM")
    parser.add_argument("--out", help="a JSON file for the figures")
    return parser.parse_args()


def _load(chosen: argparse.Namespace, bundle: str, texts: list[str], folder: Path) -> Any:
    own = _own_rate(bundle, chosen.kernel, texts)
    print()
    print_header("texts per request", "connections", "requests/s", "texts/s", "p50, ms", "p99, ms",
                 "peak MB", "not 200")  # fmt: skip
    measured = []
    server = Server(bundle, "--kernel", chosen.kernel)
    for at_once, connections in CONNECTIONS.items():
        file = write_bodies(folder / "bodies", bodies(texts, at_once))
        wrk(server.url, file, connections, 3)  # words are read in for the first time
        found = wrk(server.url, file, connections, chosen.seconds)
        rate = found["requests"] / found["seconds"]
        print_row(at_once, connections, f"{rate:,.0f}", f"{rate * at_once:,.0f}",
                  f"{1000 * found['p50']:.1f}", f"{1000 * found['p99']:.1f}",
                  f"{server.megabytes('VmHWM'):,.0f}",
                  found["statuses"] + found["failed"])  # fmt: skip
        measured.append({"texts_a_request": at_once, "connections": connections, **found})
    _ended(server)
    print(f"\nThe predictor alone, lists of {OWN_TEXTS}: {own:,.0f} texts/s")
    return {"own_texts_per_second": own, "loads": measured}


def _own_rate(bundle: str, kernel: str, texts: list[str]) -> float:
    predictor = wordgate.load(bundle, kernel=kernel)
    predictor.predict_proba(texts)
    started = time.perf_counter()
    for start in range(0, 40 * OWN_TEXTS, OWN_TEXTS):
        predictor.predict_proba(texts[start : start + OWN_TEXTS])
    return 40 * OWN_TEXTS / (time.perf_counter() - started)


def _overload(chosen: argparse.Namespace, bundle: str, texts: list[str], folder: Path) -> Any:
    asked = bodies(texts, AT_ONCE)
    server = Server(bundle, "--kernel", chosen.kernel)
    file = write_bodies(folder / "bodies", asked)
    wrk(server.url, file, CONNECTIONS[AT_ONCE], 3)
    peak = wrk(server.url, file, CONNECTIONS[AT_ONCE], min(chosen.seconds, 15))
    peak_rate = peak["requests"] / peak["seconds"]
    memory = _Watched(server)
    seconds = chosen.overload_seconds
    used = server.processor_seconds()
    seen = load.at_rate(server.port, asked, 3 * peak_rate, seconds)
    used = server.processor_seconds() - used
    megabytes = memory.end()
    _ended(server)
    good = seen.count(200) / seconds
    others = sum(map(len, seen.seconds.values())) - seen.count(200) - seen.count(503)
    print(f"\n| {AT_ONCE} texts per request, {seconds} s at 3 times the peak rate | |\n|---|---|\n"
          f"| peak, answered/s | {peak_rate:,.0f} |\n"
          f"| goodput/s | {good:,.0f} ({good / peak_rate:.0%}) |\n"
          f"| p50 and p99 of the answered, ms | {1000 * seen.percentile(200, 50):,.0f},"
          f" {1000 * seen.percentile(200, 99):,.0f} |\n"
          f"| refused with 503 | {seen.count(503):,} |\n"
          f"| p50 and p99 of the refused, ms | {1000 * seen.percentile(503, 50):.1f},"
          f" {1000 * seen.percentile(503, 99):.1f} |\n"
          f"| neither answered nor refused | {others:,} |\n"
          f"| not sent, as {load.MOST_LINES:,} were under way | {seen.given_up:,} |\n"
          f"| processor time of the server and of the client, s per s | {used / seconds:.2f},"
          f" {seen.processor_seconds / seconds:.2f} |\n"
          f"| memory, MB: first third, last third, most | {megabytes[0]:.0f}, {megabytes[1]:.0f},"
          f" {megabytes[2]:.0f} |", flush=True)  # fmt: skip
    return {
        "peak_requests_per_second": peak_rate, "goodput": good, "share": good / peak_rate,
        "refused": seen.count(503), "refused_p50": seen.percentile(503, 50),
        "answered_p99": seen.percentile(200, 99), "others": others, "given_up": seen.given_up,
        "megabytes": megabytes, "server_processor_seconds": used,
        "client_processor_seconds": seen.processor_seconds,
    }  # fmt: skip


class _Watched:
    """A server's memory, looked at every half second."""

    def __init__(self, server: Server):
        self._server, self._seen, self._stop = server, [server.megabytes()], threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stop.wait(0.5):
            self._seen.append(self._server.megabytes())

    def end(self) -> tuple[float, float, float]:
        """Give the means of the first and the last third, and the most."""
        self._stop.set()
        self._thread.join()
        third = max(1, len(self._seen) // 3)
        first, last = self._seen[:third], self._seen[-third:]
        return sum(first) / third, sum(last) / third, max(self._seen)


def _attacks(chosen: argparse.Namespace, bundle: str, texts: list[str], _: Path) -> Any:
    asked = bodies(texts, 1)
    allowed = 2 * Limits().max_body_bytes / 2**20
    server = Server(bundle, "--kernel", chosen.kernel)
    seconds = chosen.attack_seconds
    load.at_rate(server.port, asked, USUAL_RATE, 5)
    usual = load.at_rate(server.port, asked, USUAL_RATE, seconds)
    print()
    print_header("attack", "responses", f"memory growth, MB (allowed: {allowed:.0f})",
                 "others' p99, ms", "others not 200")  # fmt: skip
    print_row("none", "", "", f"{1000 * usual.percentile(200, 99):.1f}", _not_200(usual))
    measured = {"usual_p99": usual.percentile(200, 99)}
    for name, description in ATTACKS.items():
        server.forget_peak()
        before = server.megabytes()
        attack = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("serving") / "attacks.py"), name,
             str(server.port), str(seconds)], stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        others = load.at_rate(server.port, asked, USUAL_RATE, seconds)
        answers = json.loads(attack.communicate(timeout=120)[0] or "{}")
        grew = server.megabytes("VmHWM") - before
        print_row(description, ", ".join(f"{k}: {v}" for k, v in answers.items()), f"{grew:.1f}",
                  f"{1000 * others.percentile(200, 99):.1f}", _not_200(others))  # fmt: skip
        measured[name] = {"answers": answers, "megabytes": grew,
                          "p99": others.percentile(200, 99)}  # fmt: skip
    _ended(server)
    return measured


def _not_200(seen: load.Seen) -> int:
    return sum(map(len, seen.seconds.values())) - seen.count(200)


def _end(chosen: argparse.Namespace, bundle: str, texts: list[str], _: Path) -> Any:
    asked, chance = bodies(texts, 8), random.Random(0)
    answered, refused, lost, codes, took = 0, 0, 0, list[int](), list[float]()
    for _ in range(chosen.rounds):
        server = Server(bundle, "--kernel", chosen.kernel, "--drain-delay", "0.2")
        signalled: list[float] = []

        def signal_later(server: Server = server, signalled: list[float] = signalled) -> None:
            time.sleep(chance.uniform(0.2, 1.0))
            signalled.append(time.perf_counter())
            server.send()

        thread = threading.Thread(target=signal_later)
        thread.start()
        seen = load.until_refused(server.port, asked, CLIENTS)
        thread.join()
        codes.append(server.wait())
        took.append(time.perf_counter() - signalled[0])
        answered, refused = answered + seen.count(200), refused + seen.count(503)
        lost += _not_200(seen) - seen.count(503)
    print(f"\n{chosen.rounds} times SIGTERM under the load of {CLIENTS} clients: {answered:,}"
          f" requests answered, {refused:,} refused, {lost:,} lost;"
          f" {codes.count(0)} of {len(codes)} exit codes are 0; from the signal to the end"
          f" {sum(took) / len(took):.1f} s, at most {max(took):.1f} s", flush=True)  # fmt: skip
    return {"rounds": chosen.rounds, "answered": answered, "refused": refused, "lost": lost,
            "exit_codes": codes, "seconds_to_end": took}  # fmt: skip


def _ended(server: Server) -> None:
    code = server.end()
    if code or "Traceback" in server.log:
        print(f"the server ended with {code}:\n{server.log}")


_PARTS = {"load": _load, "overload": _overload, "attacks": _attacks, "end": _end}

if __name__ == "__main__":
    main()
