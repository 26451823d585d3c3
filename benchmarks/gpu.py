"""Training an LSTM on a GPU with and without CUDA graphs: `make bench-gpu`.

The peer is the same training without graphs, and the CPU of the same machine. Texts are the first
tweets of *twitter-entity-sentiment*.

    python benchmarks/gpu.py --texts 20000
"""

import argparse
import statistics

from printing import print_header, print_row
from processes import first_texts
from wordgate.runtime.progress import Silent
from wordgate.settings import load_settings
from wordgate.training.families import fit
from wordgate.training.fitting import RunContext

RECIPES = {"default": 4, "notebook-fast": 4, "notebook": 3}  # and epochs of one candidate


def main() -> None:
    """Print a table of recipes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=20_000)
    count = parser.parse_args().texts
    import torch

    from wordgate.training import lstm_trainer

    if not torch.cuda.is_available():
        raise SystemExit("torch sees no CUDA device on this machine")
    data = first_texts(count)
    graphed = lstm_trainer.GraphedFunction
    epoch_seconds(data, "default", 1, "cuda")  # loads libraries and kernels
    print(f"{torch.cuda.get_device_name()}, torch {torch.__version__}, {count:,} texts\n")
    print_header("recipe", "s per epoch, CUDA graphs", "without CUDA graphs", "ratio", "CPU")
    for recipe, epochs in RECIPES.items():
        with_graphs = epoch_seconds(data, recipe, epochs, "cuda")
        lstm_trainer.GraphedFunction = lambda function: function
        by_kernel = epoch_seconds(data, recipe, epochs, "cuda")
        lstm_trainer.GraphedFunction = graphed
        on_cpu = epoch_seconds(data, recipe, epochs, "cpu")
        ratio = by_kernel / with_graphs
        print_row(recipe, f"{with_graphs:.2f}", f"{by_kernel:.2f}", f"{ratio:.1f}", f"{on_cpu:.2f}")


def epoch_seconds(data, recipe, epochs, device):
    """Train one candidate: the median of its epochs' seconds, without their validation."""
    changes = {"lstm.epochs": epochs, "lstm.lighter_candidate": False}
    fitted = fit("lstm", data, load_settings(recipe, changes), RunContext(0, Silent(), device))
    return statistics.median(epoch.seconds for epoch in fitted.history)


if __name__ == "__main__":
    main()
