"""Training speed and accuracy of an LSTM classifier: `make bench-train`.

Peers: Keras on TensorFlow (the tutorial notebook's own program, and Keras at its best), Keras on
torch, and torch's nn.LSTM in three ways. All train on the same tweets, split at random as in
the notebook, from the same initial word vectors, on all cores, in processes of their own.

First each peer trains to 0.90 validation accuracy (the notebook's program and wordgate's recipe
`notebook` to their own end, with three seeds): that gives the number of epochs, which depends on
the seed and not on the machine. These trainings take hours in all; each is stored in the folder of
results, so an interrupted benchmark can be continued. Then the machine must be quiet: three times
in turn, each peer is timed over whole epochs after a warm-up. Seconds to an accuracy are epochs
times seconds per epoch. Prints tables; `summary.json` beside the results has it all.

    python benchmarks/train.py                                everything
    python benchmarks/train.py --no-curves                    only the times
    python benchmarks/train.py --no-timing --only keras-best  one peer's curve
    python benchmarks/train.py --no-curves --no-timing        print the stored results

WORDGATE_BENCH_KERAS and WORDGATE_BENCH_KERAS_TORCH name interpreters that have Keras with
TensorFlow and with torch; without them `make` sets up .venv-keras and .venv-keras-torch.
"""

import argparse
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from command import RESULTS, write_json
from training import tables
from training.figures import Figures, figures_of
from training.peers import PEERS, Peer
from training.phases import GOALS, draw_curves, rows_file, take_times

OURS, THEIRS = "wordgate-notebook-fast", ("keras-notebook", "keras-best")
PAIR = ("keras-notebook", "wordgate-notebook")


def main() -> None:
    """Train, time and print."""
    options = parsed()
    peers = [peer for peer in PEERS if not options.only or peer.key in options.only]
    if not (options.no_curves and options.no_timing):
        check_interpreters(peers)
    folder = options.results
    folder.mkdir(parents=True, exist_ok=True)
    rows_file(folder, 0)
    if not options.no_curves:
        draw_curves(peers, folder, fresh=options.fresh)
    if not options.no_timing:
        take_times(peers, folder)
    all_figures = [figures_of(peer, folder) for peer in peers]
    print_all(all_figures)
    facts = tables.circumstances(all_figures, folder)
    print("\n".join(tables.circumstance_lines(facts)))
    peers_json = {figures.peer.key: figures.as_json() for figures in all_figures}
    write_json(folder / "summary.json", {**facts, "peers": peers_json})


def parsed() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    keys = [peer.key for peer in PEERS]
    parser.add_argument("--only", action="append", choices=keys, help="may be given repeatedly")
    parser.add_argument("--no-curves", action="store_true", help="take the curves as they are")
    parser.add_argument("--no-timing", action="store_true", help="take the times as they are")
    parser.add_argument("--results", type=Path, default=RESULTS / "train", help="where")
    parser.add_argument("--fresh", action="store_true", help="repeat finished trainings, too")
    return parser.parse_args()


def check_interpreters(peers: Sequence[Peer]) -> None:
    """End before any work if an interpreter is missing."""
    for peer in peers:
        if shutil.which(peer.python) is None:
            sys.exit(
                f"{peer.key} needs {peer.python}, which is not there: `make bench-train` sets it"
                " up, or WORDGATE_BENCH_KERAS and WORDGATE_BENCH_KERAS_TORCH name interpreters"
            )


def print_all(all_figures: Sequence[Figures]) -> None:
    """Print the table of all peers, what makes ours fast, the pair, and how it was measured."""
    of = {figures.peer.key: figures for figures in all_figures}
    print(tables.main_table(all_figures), end="\n\n")
    for other in THEIRS:
        for goal in GOALS:
            if OURS in of and other in of:
                print(tables.ratios(of[OURS], of[other], goal))
    pair = [of[key] for key in PAIR if key in of]
    if len(pair) == len(PAIR) and any(figures.curves for figures in pair):
        print("\nValidation accuracy of the notebook's program and of the recipe `notebook`\n")
        print(tables.pair_table(pair), end="\n\n")
        print("\n".join(tables.pair_lines(pair)))
    print(f"\n{tables.METHOD}\n")


if __name__ == "__main__":
    main()
