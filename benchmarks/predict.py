"""Prediction speed, from strings to probabilities: `make bench-predict`.

The notebook's LSTM(128) and recipe `default` on the real tweets. Peers: the same weights in ONNX
Runtime (what `wordgate export` writes), torch's nn.LSTM and Keras on TensorFlow; fastText; word
counts in scikit-learn; a fine-tuned MiniLM. Each runs in its fastest configuration: all cores,
batches, texts of similar length together. Each has its own process, which sleeps while others are
measured. The repeats alternate between the peers, and each has its own texts, so that no process
gets a text twice. The table shows medians of the repeats. Then one text: the
whole process of `wordgate predict`, and a loaded predictor.

    python benchmarks/predict.py                          trains the models, some minutes
    python benchmarks/predict.py --bundle M --default D --transformer T
    python benchmarks/predict.py --only torch-float32     wordgate with numpy and one peer

WORDGATE_BENCH_KERAS and WORDGATE_BENCH_FASTTEXT name interpreters that have Keras with TensorFlow
and fastText; without them `make` sets up .venv-keras and .venv-fasttext.
"""

import argparse
import os
import platform
import tempfile
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

from threadpoolctl import threadpool_info

from command import RESULTS, circumstances, print_facts, trained, write_json
from prediction import material
from prediction.measuring import Figures, take_cold, take_rates
from prediction.peers import OURS, peers_of
from prediction.tables import cold_table, rates_table
from wordgate.runtime.cpu import available_cores


def main() -> None:
    """Measure, print the tables, keep the figures."""
    options = parsed()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        bundles = {
            "lstm128": options.bundle or material.lstm128(folder),
            "default": options.default or trained(folder / "default"),
            "transformer": options.transformer or material.transformer(folder),
        }
        texts, network = folder / "texts.json", folder / "network.npz"
        numbers = material.write_texts(texts)
        sizes = material.write_network(bundles["lstm128"], network)
        peers = peers_of(bundles, network)
        if options.only:
            peers = [peer for peer in peers if peer.key in (OURS, *options.only)]
        facts = facts_of(numbers, sizes)
        all_figures = take_rates(peers, texts, material.REPEATS)
        cold = {} if options.only else take_cold(bundles, texts)
    facts |= {"load at the end": f"{os.getloadavg()[0]:.1f}", "versions": versions(all_figures)}
    print(rates_table(all_figures), end="\n\n")
    if cold:
        print(cold_table(cold), end="\n\n")
    print_facts(facts)
    peers_json = {figures.peer.key: figures.as_json() for figures in all_figures}
    write_json(options.out, {"facts": facts, "peers": peers_json, "one_text": cold})


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--bundle", type=Path, help="an LSTM(128) of recipe notebook-fast")
    parser.add_argument("--default", type=Path, help="a model of recipe default")
    parser.add_argument("--transformer", type=Path, help="a model of the family transformer")
    parser.add_argument("--only", action="append", help="a peer's key; may be given repeatedly")
    parser.add_argument("--out", type=Path, default=RESULTS / "predict.json", help="JSON")
    return parser.parse_args()


def facts_of(numbers: dict[str, int], sizes: dict[str, int]) -> dict[str, object]:
    """Gather the machine, its load, and the size of the work."""
    cores = available_cores()
    return {
        **circumstances("wordgate"),
        "threads": f"{cores}, of as many cores; fastText and scikit-learn: {cores} processes",
        "tweets": f"{numbers['repeats']} times {numbers['of texts']:,} distinct ones, after"
        f" {numbers['to warm up']:,} others to warm up with",
        "BLAS of numpy": blas(),
        "LSTM(128)": ", ".join(f"{name} {value:,}" for name, value in sizes.items()),
        "began": datetime.now(timezone.utc).isoformat(timespec="minutes"),
    }


def blas() -> str:
    """Name the BLAS libraries of numpy and the processor that their kernels are for."""
    pools = [pool for pool in threadpool_info() if pool["user_api"] == "blas"]
    return ", ".join(
        f"{pool['internal_api']} {pool['version']} ({pool.get('architecture')})" for pool in pools
    )


def versions(all_figures: Sequence[Figures]) -> str:
    """Name the versions of all that took part, as each of the processes has them."""
    found = dict.fromkeys(
        f"{name} {number}" for one in all_figures for name, number in one.versions.items()
    )
    return ", ".join([f"python {platform.python_version()}", *found])


if __name__ == "__main__":
    main()
