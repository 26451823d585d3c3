"""A small server that answers as `wordgate serve` does, from a lexicon: for tests of the page."""

import json
import math
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import wordgate

PAGE = Path(wordgate.__file__).parent / "serve" / "page"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
TYPES = {
    ".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml",
}  # fmt: skip
LIMITS = {
    "max_texts": 64, "max_text_length": 4000, "max_explain_length": 2000, "max_body_bytes": 20_000,
}  # fmt: skip
WORD = re.compile(r"https?://\S+|\w+(?:'\w+)*|[^\w\s]")


class Lexicon:
    """A model of three labels that knows some words; its gates are made up."""

    labels = ("Negative", "Neutral", "Positive")
    weights: ClassVar = {
        "love": 1.6, "worth": 1.4, "thank": 1.5, "good": 1.2, "not": -1.1, "bad": -1.5, "but": -0.5,
        "breaking": -2.2, "hate": -2.0, "broken": -1.8, "waited": -0.6, "it": 0.05, "i": 0.1,
        "all": 0.0, "for": 0.0, "this": 0.1, "and": 0.1, "was": -0.1, "every": 0.4, "so": 0.2,
        "much": 0.2, "you": 0.2, "on": 0.0, "my": 0.0, "at": 0.0, "the": 0.0, "a": 0.0, ".": 0.0,
        ",": 0.0, "game": 0.2, "week": 0.0, "!": 0.3, "again": -0.2, "buy": 0.2, "would": -0.1,
    }  # fmt: skip

    def facts(self):
        return {
            "family": "lstm", "recipe": "default", "labels": list(self.labels), "text_form": None,
            "text_columns": ["text"],
            "temperature": 1.38,
            "trained": {
                "source": "tweets.csv", "rows": 61121, "seed": 0, "seconds": 41.2, "epochs": 4,
                "wordgate": "0.1.0",
            },
            "scores": {
                "accuracy": 0.650, "low": 0.632, "high": 0.669, "macro_f1": 0.643,
                "split": "grouped", "n_test": 12225, "n_test_groups": 2004, "leaked_by_group": 0,
                "near_duplicates_in_train": 559, "baseline_accuracy": 0.6506,
                "majority_accuracy": 0.364,
            },
            "abstain_coverage": [
                {"threshold": 0.0, "coverage": 1.0, "accuracy": 0.65},
                {"threshold": 0.5, "coverage": 0.772, "accuracy": 0.718},
                {"threshold": 0.7, "coverage": 0.395, "accuracy": 0.834},
                {"threshold": 0.9, "coverage": 0.049, "accuracy": 0.972},
                {"threshold": 0.99, "coverage": 0.0, "accuracy": None},
            ],
            "multilabel": False, "thresholds": None, "label_separator": None,
            "limits": LIMITS,
            "remarks": [],
        }  # fmt: skip

    def predict(self, texts):
        return [
            {"label": max(one, key=one.get), "probabilities": one}
            for one in (self._proba(_words(text)) for text in texts)
        ]

    def explain(self, text):
        spans = list(WORD.finditer(text))
        words = [match.group().lower() for match in spans]
        whole = self._proba(words)
        label = max(whole, key=whole.get)
        unknown = sum(word not in self.weights for word in words)
        read = []
        for i, match in enumerate(spans):
            without = self._proba(words[:i] + words[i + 1 :])
            effects = {one: whole[one] - without[one] for one in self.labels}
            weight = abs(self.weights.get(words[i], 0.0))
            read.append(
                {
                    "word": "<url>" if words[i].startswith("http") else words[i],
                    "start": match.start(), "end": match.end(), "known": words[i] in self.weights,
                    "probabilities": self._proba(words[: i + 1]),
                    "effect": effects[label], "effects": effects,
                    "gates": {
                        "input": 0.25 + 0.25 * weight, "forget": 0.9 - 0.2 * weight,
                        "output": 0.4 + 0.1 * weight,
                    },
                    "memory_change": 0.02 + 0.1 * weight,
                }
            )  # fmt: skip
        return {
            "text": text, "label": label, "probability": whole[label], "probabilities": whole,
            "course": "states",
            "course_means": "After each word: the verdict of the states the LSTM has by then.",
            "start": self._proba([]), "words": read,
            "remarks": [f"{unknown} of {len(words)} words are unknown to the model."]
            if unknown else [],
        }  # fmt: skip

    def _proba(self, words):
        total = sum(self.weights.get(word, 0.0) for word in words)
        scores = (-total, 0.6 - 0.1 * total * total, total)
        parts = [math.exp(score) for score in scores]
        return dict(zip(self.labels, (part / sum(parts) for part in parts), strict=True))


class Topics(Lexicon):
    """A model of several labels per text, of which some words tell; its thresholds differ."""

    labels = ("price", "quality", "service", "speed")
    thresholds: ClassVar = {"price": 0.5, "quality": 0.3, "service": 0.6, "speed": 0.5}
    topics: ClassVar = {
        "cheap": "price", "dear": "price", "broken": "quality", "solid": "quality",
        "rude": "service", "fast": "speed", "slow": "speed",
    }  # fmt: skip
    weights: ClassVar = {**Lexicon.weights, **dict.fromkeys(topics, 1.0)}

    def facts(self):
        return {
            **super().facts(), "labels": list(self.labels), "multilabel": True,
            "thresholds": self.thresholds, "label_separator": ";", "abstain_coverage": None,
        }  # fmt: skip

    def predict(self, texts):
        found = [self._proba(_words(text)) for text in texts]
        return [{"labels": self.given(one), "probabilities": one} for one in found]

    def given(self, proba):
        ranked = sorted(self.labels, key=lambda label: -proba[label])
        return [label for label in ranked if proba[label] >= self.thresholds[label]]

    def explain(self, text, label=None):
        response = super().explain(text)
        whole = response["probabilities"]
        label = label or max(whole, key=whole.get)
        words = _words(text)
        for i, word in enumerate(response["words"]):
            without = self._proba(words[:i] + words[i + 1 :])
            effects = {one: _odds(whole[one]) - _odds(without[one]) for one in self.labels}
            word |= {"effect": effects[label], "effects": effects}
        return {
            **response, "label": label, "probability": whole[label], "labels": self.given(whole),
            "threshold": self.thresholds[label], "effect_unit": "log-odds",
        }  # fmt: skip

    def _proba(self, words):
        topics = [self.topics.get(word) for word in words]
        return {one: 1 / (1 + math.exp(2.0 - 3.5 * topics.count(one))) for one in self.labels}


def _odds(p):
    return math.log(p / (1 - p))


def _words(text):
    return [match.group().lower() for match in WORD.finditer(text)]


@contextmanager
def serving(model):
    """Serve the page and a model on a free port of this machine; gives the address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"model": model}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    model = None

    def do_GET(self):
        if self.path == "/v1/model":
            return self._json(200, self.model.facts())
        name = "index.html" if self.path == "/" else self.path.removeprefix("/page/")
        file = PAGE / name
        if "/" in name or not file.is_file():
            return self._json(404, {"error": {"code": "not_found", "message": "Nothing here."}})
        return self._send(200, file.read_bytes(), TYPES[file.suffix])

    def do_POST(self):
        size = int(self.headers["Content-Length"])
        body = json.loads(self.rfile.read(size))
        if size > LIMITS["max_body_bytes"]:
            return self._json(413, {"error": {"code": "body_too_large", "message": "Too large."}})
        if self.path == "/v1/explain":
            return self._json(200, self.model.explain(**body))
        if len(body["texts"]) > LIMITS["max_texts"]:
            return self._json(422, {"error": {"code": "too_many_texts", "message": "Too many."}})
        return self._json(200, {"predictions": self.model.predict(body["texts"])})

    def _json(self, status, response):
        self._send(status, json.dumps(response).encode(), "application/json")

    def _send(self, status, body, kind):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass
