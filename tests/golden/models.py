"""Cases of the real data: how it is read and split, and models of all families."""

import csv
import io
import json
import sys
from collections import Counter
from functools import partial
from pathlib import Path

import click.testing
import layout
import numpy as np
from facts import Facts, digest
from generated import put_audit, put_folds, result_digest

import wordgate

sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
import real_data

TWEETS, REVIEWS, VALIDATION = "twitter_training.csv", "movie_reviews.csv", "twitter_validation.csv"
ODD = [
    "",
    " ",
    "\u2028",
    "a" * 3000,
    "👍🏽 naïve Straße 日本",
    "=1+1",
    "\ud800",
    "!!!",
    "It's @me #it",
]
N_PROBED, N_EXPLAINED = 300, 50
DROP = ("--drop-label", "Irrelevant")


def cases():
    """Name the cases for which the data is there; say what is left out."""
    missing = [name for name in (TWEETS, REVIEWS, VALIDATION)
               if not (real_data.FOLDER / name).exists()]  # fmt: skip
    if missing:
        sys.stderr.write(
            f"Left out: the real data and the models, as {real_data.FOLDER} lacks"
            f" {', '.join(missing)}; WORDGATE_REAL_DATA names the folder.\n"
        )
        return {}
    found = {
        "tweets": partial(_data, TWEETS, drop_labels=["Irrelevant"]),
        "reviews": partial(_data, REVIEWS),
        "estimator": _estimator,
    }
    found |= {f"train {name}": partial(_train, name) for name in _trainings()}
    found |= {f"compare {name}": partial(_compare, name) for name in _comparisons()}
    return found


def _trainings():
    """Give the arguments of `wordgate train`, data first, by the names of cases."""
    vectors = ("--vectors", "words.vec")
    tweets, few = ("tweets.csv", *DROP), ("few tweets.csv", *DROP)
    return {
        "count": (*tweets, "--model", "count"),
        "count reviews": ("all reviews.csv", "--model", "count"),
        "count folds": ("reviews.csv", "--model", "count", "--folds", "5"),
        "count random": (*few, "--model", "count", "--split", "random", "--seed", "3",
                         "--test-size", "0.3", "--no-texts"),
        "count files": (*few, "--model", "count", "--valid", "valid.csv", "--test", "test.csv"),
        "count parts": ("parts.csv", "--model", "count", "--split-column", "part", *DROP),
        "count two columns": (*few, "--model", "count", "--text", "2,4"),
        "count plain": ("reviews.csv", "--model", "count", "--set", "count.weights=counts",
                        "--set", "count.characters=0", "--set", "calibration=none"),
        "logreg": (*few, "--model", "logreg", *vectors),
        "mlp": (*few, "--model", "mlp", *vectors, *_set(layout.MLP)),
        "lstm": (*few, "--model", "lstm", *_set(layout.LSTM)),
        "lstm reviews": ("reviews.csv", "--model", "lstm", *_set(layout.LSTM), "--seed", "2"),
        "lstm lighter": (*few, "--model", "lstm", *_set(layout.LIGHTER)),
        "lstm both ways": (*few, "--model", "lstm", *vectors, *_set(layout.BOTH_WAYS)),
        "lstm two columns": (*few, "--model", "lstm", "--text", "2,4", *_set(layout.LSTM)),
        "notebook": (*few, "--recipe", "notebook", *_set(layout.NOTEBOOK)),
        "notebook-fast": (*few, "--recipe", "notebook-fast", *_set(layout.NOTEBOOK)),
        "transformer": ("fewest tweets.csv", *DROP, "--model", "transformer", "--set",
                        "transformer.model=bert", *_set(layout.TRANSFORMER)),
        "taught lstm": (*few, "--model", "lstm", "--teacher", "teacher", *_set(layout.TAUGHT)),
        "taught mlp": (*few, "--model", "mlp", "--teacher", "teacher", *vectors,
                       *_set({**layout.MLP, "teacher.texts": 2000, "teacher.variations": 1}),
                       "--unlabelled", "reviews.csv"),
    }  # fmt: skip


def _comparisons():
    vectors = ("--vectors", "words.vec")
    few = ("fewest tweets.csv", *DROP, "--seed", "1")
    quick = _set({**layout.LSTM, **layout.MLP})
    fine_tuned = _set({**layout.TRANSFORMER, "transformer.model": "bert"})
    return {
        "folds": (*few, "--models", "count,lstm", "--folds", "3", "--split", "grouped",
                  *_set(layout.LSTM)),
        "all": (*few, "--models", "count,logreg,mlp,lstm,taught,transformer", *vectors, *quick,
                *fine_tuned, *_set({"teacher.texts": 1000, "teacher.variations": 1}),
                "--teacher", "bert"),
        "files": ("few tweets.csv", *DROP, "--models", "count,logreg", *vectors, "--valid",
                  "valid.csv", "--test", "test.csv", "--no-texts"),
    }  # fmt: skip


def _set(settings):
    return [part for name, value in settings.items() for part in ("--set", f"{name}={value}")]


# Cases


def _data(name, **options):
    facts = Facts()
    path = real_data.FOLDER / name
    columns, account = layout.read(_linked(path, name), **options)
    for role, column in columns.items():
        facts.put(f"read/{role}", column)
    facts.put("read", account)
    texts, labels = columns["texts"], columns["labels"]
    joined = layout.joined_groups(columns["bodies"], columns["groups"])
    facts.put("joined groups", joined)
    for kind in ("grouped", "random"):
        facts.put(f"split/{kind}", layout.split(kind, texts, labels, joined, seed=0))
    put_folds(facts, "folds", texts, labels, joined)
    put_audit(facts, "audit", wordgate.audit(name, **options))
    return facts


def _estimator():
    _make_files()
    columns, _ = layout.read("reviews.csv")
    texts, labels = columns["texts"], columns["labels"]
    model = wordgate.WordgateClassifier(model="count", random_state=1).fit(texts, labels)
    facts = Facts()
    facts.put("classes", [str(label) for label in model.classes_])
    facts.put("log_proba", model.predict_proba(texts[:N_PROBED]).round(6).tolist())
    return facts


def _train(name):
    """Train by the command, and record all that can be asked of the model."""
    _make_files()
    arguments = _trainings()[name]
    data, facts, out = arguments[0], Facts(), f"model {name}"
    _command(facts, "train", "train", *arguments, "--out", out)
    folder = Path(out)
    facts.put("metrics", json.loads((folder / "metrics.json").read_text(encoding="utf-8")))
    facts.put_page("report", (folder / "report.html").read_text(encoding="utf-8"))
    predictor = wordgate.load(out)
    texts = [*layout.read(data, labelled=False)[0]["texts"][:N_PROBED], *ODD]
    facts.put("labels", list(predictor.labels))
    facts.put("log_proba", layout.log_proba(predictor, texts).round(6).tolist())
    full = [text for text in texts if text.strip()]
    facts.put("abstaining", predictor.predict(full, abstain_below=0.6))
    step = max(1, N_PROBED // (N_EXPLAINED - len(ODD)))
    facts.put("explanations", [_explanation(predictor, text) for text in
                               [*texts[:N_PROBED:step], *ODD][:N_EXPLAINED]])  # fmt: skip
    _command(facts, "explain", "explain", out, texts[0])
    _command(facts, "predict", "predict", out, texts[0], texts[1])
    _command(facts, "info", "info", out)
    _command(facts, "score", "score", out, data, "scored.csv", "--overwrite")
    errors = [row[-1] for row in _rows(Path("scored.csv")) if row[-1]]
    facts.put("score/bytes", result_digest(Path("scored.csv").read_bytes(), errors))
    if "tweets" in data:
        _evaluate(facts, out, arguments)
    return facts


def _explanation(predictor, text):
    found = layout.explain(predictor, text).to_json()
    return _rounded({**found, "text": digest(found["text"].encode(errors="surrogatepass"))})


def _evaluate(facts, out, arguments):
    """Judge the model on the tweets' own validation file, in words and as JSON."""
    text = ["--text", "2,4"] if "two columns" in out else []
    given = ("evaluate", out, VALIDATION, *text, "--label", "3", "--group", "1", *DROP)
    _command(facts, "evaluate", *given)
    found = Facts()
    printed = _command(found, "evaluate as JSON", *given, "--json")
    facts.put("evaluate/json", json.loads(printed) if printed else None)


def _compare(name):
    _make_files()
    facts, out = Facts(), f"comparison {name}"
    _command(facts, "compare", "compare", *_comparisons()[name], "--out", out)
    folder = Path(out)
    found = json.loads((folder / "comparison.json").read_text(encoding="utf-8"))
    facts.put("comparison", {**found, "leaks": list(found["leaks"].values())})
    page = (folder / "report.html").read_text(encoding="utf-8")
    facts.put_page("report", page)
    return facts


def _command(facts, key, *arguments):
    """Run `wordgate`; record what it prints, and give its standard output.

    Raises:
        RuntimeError: It fails, which no case here does.
    """
    with click.testing.CliRunner().isolation() as (stdout, stderr, *_):
        status = layout.run_command(arguments)
        sys.stdout.flush()
        sys.stderr.flush()
        printed, remarked = (stream.getvalue().decode() for stream in (stdout, stderr))
    if status:
        raise RuntimeError(f"wordgate {' '.join(arguments)}: status {status}: {remarked[-2000:]}")
    facts.put(f"{key}/stdout", printed.splitlines())
    facts.put(f"{key}/stderr", remarked.splitlines())
    return printed


def _rounded(found):
    if isinstance(found, float):
        return round(found, 6)
    if isinstance(found, dict):
        return {name: _rounded(value) for name, value in found.items()}
    return [_rounded(value) for value in found] if isinstance(found, list) else found


# Files


def _make_files():
    """Cut small files out of the real data, and make word vectors, a transformer, a teacher."""
    if Path("teacher").exists():
        return
    _linked(real_data.FOLDER / REVIEWS, "all reviews.csv")
    _linked(real_data.FOLDER / VALIDATION, VALIDATION)
    tweets, reviews = _rows(real_data.FOLDER / TWEETS), _rows(real_data.FOLDER / REVIEWS)
    _write("tweets.csv", [row for row in tweets if int(row[0]) % 12 == 0])
    few = [row for row in tweets if int(row[0]) % 48 == 0]
    _write("few tweets.csv", few)
    _write("fewest tweets.csv", [row for row in tweets if int(row[0]) % 96 == 0])
    _write("valid.csv", [row for row in tweets if int(row[0]) % 200 == 1])
    _write("test.csv", [row for row in tweets if int(row[0]) % 200 == 2])
    parts = ["train", "train", "train", "dev", "test"]
    _write("parts.csv", [["id", "part", "label", "text"]]
           + [[row[0], parts[int(row[0]) // 48 % 5], *row[2:]] for row in few])  # fmt: skip
    _write("reviews.csv", [reviews[0], *reviews[1::6]])
    words = Counter(word for row in few for word in row[3].lower().split())
    names = [word for word, count in words.items() if count > 1]
    _write_vectors("words.vec", names)
    import conftest

    frequent = [word for word, _ in words.most_common(400) if word.isalpha()]
    conftest.save_tiny_bert(Path("bert"), frequent)
    wordgate.train("few tweets.csv", model="count", out="teacher", drop_labels=["Irrelevant"],
                   progress=layout.Said())  # fmt: skip


def _linked(path, name):
    if not Path(name).exists():
        Path(name).symlink_to(path)
    return name


def _rows(path):
    text = path.read_text(encoding="utf-8")
    return list(csv.reader(io.StringIO(text, newline="")))


def _write(name, rows):
    with Path(name).open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows(rows)


def _write_vectors(name, words, dim=16):
    vectors = np.random.default_rng(0).normal(size=(len(words), dim))
    lines = [f"{len(words)} {dim}"]
    lines += [f"{word} {' '.join(f'{x:.4f}' for x in vector)}"
              for word, vector in zip(words, vectors, strict=True)]  # fmt: skip
    Path(name).write_text("\n".join(lines) + "\n", encoding="utf-8")
