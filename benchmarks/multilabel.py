"""Several labels per text: `make bench-multilabel`.

    python benchmarks/multilabel.py families [FAMILY ...]  every family beside scikit-learn
    python benchmarks/multilabel.py single                 one label per text, given as lists of one
    python benchmarks/multilabel.py rare                   weights and thresholds for a rare class
    python benchmarks/multilabel.py speed                  prediction, one label per text or several

`families`: the real tweets with two labels each, their sentiment and their topic, by the text
alone, grouped split, seed 0. The peer is scikit-learn's OneVsRestClassifier on the same
rows, over TF-IDF of words, and over the n-grams that the family `count` counts. Word vectors are
distilled from MiniLM for the words of the training rows.

`single`: the tweets' sentiment, as one label per text and as lists of one label.

`rare`: tweets of one topic against all others, sampled to 2% of the rows. A model is trained
once for each weight, and its thresholds are chosen on the validation rows.

`speed`: models of the tweets' topics, of the same size, by one label per text and by lists of one;
texts per second of `predict`, medians of nine in turns.
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

import wordgate
from printing import print_header, print_row
from real_data import real_file
from wordgate.data import read_table
from wordgate.evaluation.metrics import evaluate
from wordgate.evaluation.multilabel import evaluate_multilabel, paired_micro_f1_difference
from wordgate.evaluation.thresholds import choose_thresholds
from wordgate.experiments.splits import split_table
from wordgate.runtime.progress import Silent
from wordgate.settings import load_settings

FAMILIES = ("count", "logreg", "mlp", "lstm", "transformer")
SHARE_RARE = 0.02
SPEED_ROWS, SPEED_TEXTS, SPEED_TIMES = 5_000, 4_000, 10  # the first time warms up
SPEED_SETTINGS = {
    "count": {"count.c": 10.0},
    "lstm": {"lstm.epochs": 2, "lstm.lighter_candidate": False},
}


def tweets() -> pd.DataFrame:
    """Read the tweets: id, topic, sentiment, text; without Irrelevant and empty ones."""
    names = ["id", "topic", "sentiment", "text"]
    found = pd.read_csv(real_file("twitter_training.csv"), header=None, names=names)
    found = found[found.sentiment != "Irrelevant"].dropna(subset=["text"])
    return found[found.text.str.strip() != ""].reset_index(drop=True)


def several() -> pd.DataFrame:
    """Give the tweets with their two labels in a list."""
    frame = tweets()
    frame["labels"] = [list(pair) for pair in zip(frame.sentiment, frame.topic, strict=True)]
    return frame[["id", "text", "labels"]]


def families(names):
    """Compare the families with scikit-learn."""
    frame, reading = several(), {"text": "text", "label": "labels", "group": "id"}
    table = read_table(frame, **reading)
    splits = split_table(table, load_settings("default"), 0)
    print_header("model", "micro F1", "95% interval", "macro F1", "95% interval", "all correct",
                 "fit s")  # fmt: skip
    given = {}
    with tempfile.TemporaryDirectory() as place:
        words, vectors = Path(place, "words.csv"), Path(place, "vectors.safetensors")
        needs_vectors = {"logreg", "mlp"} & set(names)
        if needs_vectors:
            pd.DataFrame({"text": splits.train.texts}).to_csv(words, index=False)
            wordgate.distill(words, teacher="minilm", out=vectors, progress=Silent())
        for name in names:
            training = wordgate.train(
                frame,
                model=name,
                vectors=vectors if name in needs_vectors else None,
                settings={"transformer.model": "minilm"} if name == "transformer" else None,
                progress=Silent(),
                **reading,
            )
            thresholds = np.array(training.predictor.config.thresholds)
            given[name] = training.predictor.predict_proba(splits.test.texts) >= thresholds
            print_scores(f"wordgate, {name}", training.metrics, training.metrics.train_seconds)
    for name, words_only in (("TF-IDF of words", True), ("TF-IDF, the same n-grams", False)):
        started = time.perf_counter()
        log_proba = one_vs_rest(splits, words_only=words_only)
        seconds = time.perf_counter() - started
        test = splits.test
        scores = evaluate_multilabel(test.targets, log_proba, splits.labels, test.groups)
        print_scores(f"scikit-learn, {name}", scores, seconds)
        given[name] = np.exp(log_proba) >= 0.5
    print()
    for name in ("TF-IDF of words", "TF-IDF, the same n-grams"):
        if "count" not in given:
            break
        less = paired_micro_f1_difference(test.targets, given["count"], given[name], test.groups)
        print(
            f"count less scikit-learn, {name}: {100 * less.difference:+.1f} points of micro F1"
            f" ({100 * less.low:+.1f} to {100 * less.high:+.1f}), p = {less.p_value:.3g}"
        )


def print_scores(name, scores, seconds):
    """Write a row of the table."""
    micro, macro = scores.intervals.micro_f1, scores.intervals.macro_f1
    print_row(name, f"{scores.micro_f1:.3f}", micro, f"{scores.macro_f1:.3f}", macro,
              f"{scores.accuracy:.3f}", f"{seconds:.0f}")  # fmt: skip


def one_vs_rest(splits, *, words_only):
    """Fit scikit-learn's usual pipeline; log-probabilities of the test rows, [n, labels]."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline, make_union

    parts = [TfidfVectorizer(ngram_range=(1, 3), min_df=2, sublinear_tf=True)]
    if not words_only:
        parts.append(
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=2, sublinear_tf=True)
        )
    each = LogisticRegression(C=10.0, max_iter=1000)
    model = make_pipeline(make_union(*parts), OneVsRestClassifier(each, n_jobs=-1))
    model.fit(splits.train.texts, splits.train.targets)
    return np.log(np.clip(model.predict_proba(splits.test.texts), 1e-300, 1.0))


def single():
    """Train each family on one label per text, on lists of one, and with another seed."""
    frame = tweets()[["id", "text", "sentiment"]].rename(columns={"sentiment": "label"})
    print_header("family", "seed", "one label per text", "lists of one", "same prediction",
                 "same prediction with another seed")  # fmt: skip
    reading = {"text": "text", "label": "label", "group": "id"}
    table = read_table(frame, **reading)
    for seed in range(3):
        splits = split_table(table, load_settings("default"), seed)
        parts = np.full(len(frame), "train", dtype=object)
        parts[splits.split.valid], parts[splits.split.test] = "valid", "test"
        single = frame.assign(part=parts)
        lists = single.assign(label=[[label] for label in single.label])
        options = {**reading, "split_column": "part", "progress": Silent()}
        for family in ("lstm", "count"):
            one, several, other = (
                wordgate.train(data, model=family, seed=used, **options)
                .predictor.predict_proba(splits.test.texts)
                .argmax(axis=1)
                for data, used in ((single, seed), (lists, seed), (single, seed + 100))
            )
            accuracies = [f"{(top == splits.test.targets).mean():.3f}" for top in (one, several)]
            same = [f"{(one == top).mean():.1%}" for top in (several, other)]
            print_row(family, seed, *accuracies, *same)


def rare():
    """Find a class of 2% of the rows, with weights and thresholds."""
    frame = tweets()
    topic = frame.topic.value_counts().index[0]
    rng = np.random.default_rng(0)
    own = frame[frame.topic == topic]
    n_others = int((frame.topic != topic).sum())
    wanted = int(SHARE_RARE / (1 - SHARE_RARE) * n_others)
    ids = rng.permutation(own.id.unique())
    kept = own[own.id.isin(ids[: max(1, round(wanted * len(ids) / len(own)))])]
    data = pd.concat([frame[frame.topic != topic], kept])
    data = data.assign(label=np.where(data.topic == topic, "z-rare", "other"))[
        ["id", "text", "label"]
    ]
    print(f"{len(kept):,} of {len(data):,} rows are of the rare class, the topic {topic}.\n")
    print_header("family", "class weight", "threshold for", "precision", "recall", "F1")
    reading = {"text": "text", "label": "label", "group": "id", "progress": Silent()}
    table = read_table(data, text="text", label="label", group="id")
    splits = split_table(table, load_settings("default"), 0)
    for family in ("count", "lstm"):
        for weight in ("none", "balanced"):
            settings = {"class_weight": weight}
            model = wordgate.train(data, model=family, settings=settings, **reading).predictor
            valid, test = (model.log_proba(part.texts) for part in (splits.valid, splits.test))
            for objective in ("none", "f1", "precision@0.9", "recall@0.9"):
                chosen = np.array([0.5, 0.5])
                if objective != "none":
                    chosen = choose_thresholds(splits.valid.targets, valid, objective)
                given = (np.exp(test[:, 1]) >= chosen[1]).astype(np.int64)
                scores = evaluate(splits.test.targets, test, splits.labels, None, predicted=given)
                found = scores.per_class[-1]
                values = (
                    "undefined" if one is None else f"{one:.3f}"
                    for one in (found.precision, found.recall, found.f1)
                )
                print_row(family, weight, objective, *values)


def speed():
    """Predict with models of the same size, of one label per text and of several."""
    frame = tweets()[["id", "text", "topic"]].rename(columns={"topic": "label"})
    frame = frame.sample(SPEED_ROWS, random_state=0)
    lists = frame.assign(label=[[label] for label in frame.label])
    texts = tweets().text.sample(SPEED_TEXTS, random_state=1).tolist()
    print_header(
        "family", "labels", "one label per text, texts/s", "several labels, texts/s", "difference"
    )
    reading = {"text": "text", "label": "label", "group": "id", "progress": Silent()}
    for family, settings in SPEED_SETTINGS.items():
        models = [
            wordgate.train(data, model=family, settings=settings, **reading).predictor
            for data in (frame, lists)
        ]
        seconds = [[], []]
        for _ in range(SPEED_TIMES):
            for own, model in zip(seconds, models, strict=True):
                started = time.perf_counter()
                model.predict(texts)
                own.append(time.perf_counter() - started)
        one, several = (len(texts) / np.median(own[1:]) for own in seconds)
        print_row(family, len(models[0].labels), f"{one:,.0f}", f"{several:,.0f}",
                  f"{several / one - 1:+.1%}")  # fmt: skip


def main() -> None:
    """Run the part that the command line names."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=("families", "single", "rare", "speed"))
    parser.add_argument("families", nargs="*", default=list(FAMILIES))
    options = parser.parse_args()
    if options.part == "families":
        families(options.families)
    else:
        {"single": single, "rare": rare, "speed": speed}[options.part]()


if __name__ == "__main__":
    main()
