"""wordgate in `make bench-predict`: a bundle's predictor, as users call it.

python wordgate_peer.py TEXTS BUNDLE {as-it-is,int8} [MOST]
"""

import sys
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
from worker import read_texts, serve

from wordgate import Predictor, load
from wordgate.bundle.folder import BundleFolder
from wordgate.models.lstm import LSTMModel


def main() -> None:
    """Load the bundle and serve."""
    file, bundle, variant, *most = sys.argv[1:]
    predictor = in_int8(bundle) if variant == "int8" else load(bundle)
    packages = [name for name in ("wordgate", "numpy", "numba") if find_spec(name)]
    if predictor.config.family == "transformer":
        packages += ["torch", "transformers"]
    serve(predictor.predict_proba, read_texts(file), packages, *map(int, most))


def in_int8(bundle: str) -> Predictor:
    """Give the predictor of the bundle that `embedding_stored=int8` would have written."""
    folder = BundleFolder.open(bundle)
    config = folder.config()
    model = folder.model(config)
    description, arrays = replace(model, network=model.network.in_int8()).state()
    kept = {name: np.array(array) for name, array in arrays.items()}
    return Predictor(LSTMModel.from_state(description, kept), config)


if __name__ == "__main__":
    main()
