"""scikit-learn in `make bench-predict`: word counts with logistic regression.

Counting words uses one thread, so processes share the texts.

python counts_peer.py TEXTS
"""

import sys

from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from worker import in_processes, read_texts, serve


def main() -> None:
    """Train on what there is, and serve."""
    texts = read_texts(sys.argv[1])
    model = make_pipeline(CountVectorizer(), LogisticRegression(C=0.1, max_iter=500))
    model.fit(*zip(*texts["train"], strict=True))
    serve(in_processes(model.predict_proba), texts, ["scikit-learn", "numpy"])


if __name__ == "__main__":
    main()
