"""wordgate in `make bench-predict`: a bundle's predictor, as users call it.

python wordgate_peer.py TEXTS BUNDLE KERNEL [MOST]
"""

import sys

from worker import read_texts, serve

from wordgate import load


def main() -> None:
    """Load the bundle and serve."""
    file, bundle, kernel, *most = sys.argv[1:]
    predictor = load(bundle, kernel=kernel)
    packages = ["wordgate", "numpy"] + (["numba"] if kernel != "numpy" else [])
    if predictor.config.family == "transformer":
        packages += ["torch", "transformers"]
    serve(predictor.predict_proba, read_texts(file), packages, *map(int, most))


if __name__ == "__main__":
    main()
