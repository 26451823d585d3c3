"""The programs in docs/onnx.md: complete, short, and correct from strings to labels."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import wordgate
from wordgate.runtime.progress import Silent

pytest.importorskip("onnx", reason="needs the extra 'onnx'")
pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")

PAGE = (Path(__file__).parents[1] / "docs" / "onnx.md").read_text(encoding="utf-8")
PROGRAMS = dict(
    zip(
        ("words", "count", "transformer"),
        re.findall(r"^```python\n(.+?)^```$", PAGE, re.MULTILINE | re.DOTALL),
        strict=True,
    )
)
NEEDED = {
    "words": {"numpy", "onnxruntime"},
    "count": {"numpy", "onnxruntime"},
    "transformer": {"numpy", "onnxruntime", "tokenizers"},
}
TINY = {
    "lstm.epochs": 2,
    "lstm.min_updates": 1,
    "lstm.hidden_size": 8,
    "lstm.embedding_size": 8,
    "text.min_groups": 1,
}
TEXTS = [
    "We love this lamp number 7 &amp; the kettle!!!!!",
    "",
    "  ",
    "HATE https://t.co/x1 @bob, mail me@example.com or not ’tis",
    "👍🏽 我爱 caf\u0065\u0301 :-) <br /> #1 \ufeff regret",
    "unheard-of words alone",
    "praise " * 300,
]


@pytest.fixture(
    scope="module", params=[("messages", "end", "id"), ("keras", "front", "drop")], ids=str
)
def bundle(request, tmp_path_factory, reviews):
    tokenizer, truncate, unknown_words = request.param
    settings = {**TINY, "text.tokenizer": tokenizer, "text.max_tokens": 6}
    settings |= {
        "text.truncate": truncate,
        "text.unknown_words": unknown_words,
        "lstm.word_dropout": 0,
    }
    folder = tmp_path_factory.mktemp("page") / "model"
    wordgate.train(reviews, out=folder, settings=settings, progress=Silent())
    return folder


@pytest.mark.parametrize("name", PROGRAMS)
def test_it_needs_few_packages(name):
    nodes = list(ast.walk(ast.parse(PROGRAMS[name])))
    imported = [node for node in nodes if isinstance(node, ast.Import)]
    names = {alias.name for node in imported for alias in node.names}
    names |= {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
    assert names - set(sys.stdlib_module_names) == NEEDED[name]
    assert len([line for line in PROGRAMS[name].splitlines() if line]) <= 32


def check_answers(bundle, file, program):
    """Export a bundle, and let a program answer as the bundle does."""
    wordgate.export_onnx(bundle, file)
    done = subprocess.run(
        [sys.executable, "-X", "utf8", "-c", program, str(file)],
        input="".join(f"{text}\n" for text in TEXTS),
        capture_output=True, encoding="utf-8", check=True,
    )  # fmt: skip
    predictor = wordgate.load(bundle)
    answers = [line.split("\t") for line in done.stdout.splitlines()]
    asked = [text for text in TEXTS if text.strip()]
    assert [label for label, *_ in answers if label] == predictor.predict(asked)
    found = [float(probability) for _, probability, *_ in answers if probability]
    assert found == pytest.approx(predictor.predict_proba(asked).max(axis=1), abs=1e-5)
    assert [bool(label) for label, *_ in answers] == [text in asked for text in TEXTS]
    assert [text for *_, text in answers] == [text.rstrip() for text in TEXTS]


def test_words_get_the_answers_of_the_bundle(bundle, tmp_path):
    check_answers(bundle, tmp_path / "m.onnx", PROGRAMS["words"])


@pytest.mark.parametrize("weights", ["tfidf", "counts"])
def test_ngrams_get_the_answers_of_the_bundle(reviews, tmp_path, weights):
    wordgate.train(
        reviews, out=tmp_path / "model", model="count", settings={"count.weights": weights},
        progress=Silent(),
    )  # fmt: skip
    check_answers(tmp_path / "model", tmp_path / "m.onnx", PROGRAMS["count"])


@pytest.mark.needs("torch", "transformers", "tokenizers")
def test_subwords_get_the_answers_of_the_bundle(reviews, tiny_bert, tmp_path):
    settings = {
        "transformer.model": str(tiny_bert),
        "transformer.epochs": 1,
        "transformer.min_updates": 0,
        "transformer.max_tokens": 12,
    }
    wordgate.train(
        reviews, out=tmp_path / "model", model="transformer", settings=settings, progress=Silent()
    )
    check_answers(tmp_path / "model", tmp_path / "m.onnx", PROGRAMS["transformer"])
