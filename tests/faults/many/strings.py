"""Generates strings of all of Unicode, and computes their ids and labels in every way.

A way of asking is a function of texts that gives each text's probabilities: one more is one more
line in `Asked.ways`.
"""

import asyncio
import contextlib
import csv
import json
import random

import numpy as np
import pandas
import parts

import wordgate
from wordgate.data import read_table
from wordgate.errors import DataError
from wordgate.runtime.progress import Silent
from wordgate.scoring import scoring
from wordgate.serve.access import Access
from wordgate.serve.app import Application
from wordgate.serve.limits import Limits
from wordgate.tables.encoding import without_surrogates
from wordgate.tables.values import is_empty
from wordgate.text.encoder import TextEncoder
from wordgate.text.tokenizers import get_tokenizer

TEXTS_A_CASE = 500
NEAR = 2e-6  # what six decimals can tell

MARKS = [chr(c) for c in range(0x300, 0x370)]
BIDI = [*"\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069", "שלום"]
EMOJI = [
    *("👩\u200d👩\u200d👧", "👍🏽", "🇬🇧", "🇬", "1\ufe0f\u20e3", "❤\ufe0f", "🏽"),
    *("\u200d", "\ufe0f", "\ufe0e", "🏴\U000e0067\U000e007f"),
]
LONE = ["\ud800", "\udbff", "\udc00", "\udfff", "\ud83d", "\ude00"]
ODD = [
    *("\0", "\x1b", "\x85", "\u2028", "\u2029", "\ufeff", "\ufffe", "\uffff", "\U0010ffff"),
    *("\u00ad", "\u200b", "\u3000", "\xa0", "\u202f", "\r", "\n", "\r\n", "\t", "\x0b", "\x1c"),
    *("ﷺ", "ﬃ", "İ", "ı", "ẞ", "ǆ", "\u2126", "\u212b", "가", "\u1160", "\u0e33", "\u0eb3", "①"),
]
MEANT = [
    *("we", "love", "hate", "kettle", "<br />", "<b>", "&amp;", "&#0;", "&#xD800;", "&#55296;"),
    *("&lt;3", ":-)", "<3", "^_^", "http://", "www.", "a.com/", "@", "#", "@a.b", "x@y.zz"),
    *("'", "’", "...", "!!!!!", "10:30", "4,600.50", "¯\\_(ツ)_/¯", "\\", '"', ",", "|", " ", "  "),
]
LONG = 20_000
LOST = "\ufffd"


def character(rng):
    """Give any code point, surrogates too; every block as often as its size says, or not."""
    if rng.random() < 0.5:
        return chr(rng.randrange(0x110000))
    return chr(rng.choice([rng.randrange(0x3000), 0x1F000 + rng.randrange(0xB00)]))


def piece(rng):
    way = rng.randrange(12)
    if way < 3:
        return "".join(character(rng) for _ in range(rng.randint(1, 6)))
    if way == 3:
        return rng.choice("aनก가") + "".join(rng.choices(MARKS, k=rng.randint(1, 60)))
    pool = [MEANT, MEANT, MEANT, BIDI, EMOJI, EMOJI, LONE, ODD][way - 4]
    return "".join(rng.choices(pool, k=rng.randint(1, 4)))


def string(rng):
    if rng.random() < 0.001:
        long = piece(rng) * (LONG // 2)
        return long[:LONG]
    joint = rng.choice(["", " ", " ", "\n"])
    return joint.join(piece(rng) for _ in range(rng.randint(0, 7)))


class Asked:
    """All ways to ask, and what must be the same in them.

    Args:
        folder: Where to write files.
        bundles: Bundles of models that read words.
    """

    def __init__(self, folder, bundles):
        self.folder, self.bundles = folder, bundles
        self.models = {bundle: scoring.load_with_progress(bundle, None) for bundle in bundles}
        scoring.load_with_progress = lambda bundle, *_, **__: self.models[str(bundle)]
        self.ways = {
            "one by one": self.one_by_one,
            "csv": lambda bundle, texts: self.scored(bundle, texts, "csv"),
            "jsonl": lambda bundle, texts: self.scored(bundle, texts, "jsonl"),
            "server": lambda bundle, texts: asyncio.run(served(self.models[bundle], texts)),
        }

    def one_by_one(self, bundle, texts):
        """Ask for some texts alone; the others stand as the model gives them together."""
        proba = predicted(self.models[bundle], texts)
        for place in range(0, len(texts), 50):
            proba[place] = predicted(self.models[bundle], [texts[place]])[0]
        return proba

    def scored(self, bundle, texts, form):
        """Write texts to a file, and score it; what is blank has no answer."""
        file, out = self.folder / f"in.{form}", self.folder / f"out.{form}"
        write(file, texts)
        wordgate.score(bundle, file, out, text="text", encoding="utf-8", overwrite=True,
                       progress=Silent())  # fmt: skip
        answers = read(out)
        assert len(answers) == len(texts), f"{len(answers)} answers to {len(texts)} texts"
        return np.array([numbers or [np.nan, np.nan] for numbers in answers])


def predicted(model, texts):
    """Predict what isn't blank; what is has no answer, and is refused where it is asked about."""
    proba = np.full((len(texts), len(model.labels)), np.nan)
    there = np.array([not is_empty(text) for text in texts])
    proba[there] = model.predict_proba([text for text in texts if not is_empty(text)])
    for text in [text for text in texts if is_empty(text)][:1]:
        with contextlib.suppress(DataError):
            model.predict_proba([text])
            raise AssertionError(f"no refusal of {text!a}")
    return proba


async def served(model, texts):
    """Ask the server's application; half of a surrogate pair it refuses, and what is blank."""
    app = Application(model, Limits(max_text_length=LONG), Access())
    app.batcher.start()
    try:
        clean = [without_surrogates(text) for text in texts]
        halves = [text for text in texts if without_surrogates(text).count(LOST) > text.count(LOST)]
        for text in halves[:1]:
            assert (await posted(app, [text]))[0] == 422, f"no refusal of {text!a}"
        there = np.array([not is_empty(text) for text in clean])
        for text in [text for text in clean if is_empty(text)][:1]:
            assert (await posted(app, [text]))[0] == 422, f"no refusal of {text!a}"
        status, answer = await posted(app, [text for text in clean if not is_empty(text)])
        assert status == 200, answer
        proba = np.full((len(texts), len(model.labels)), np.nan)
        proba[there] = [[*row["probabilities"].values()] for row in answer["predictions"]]
        return proba
    finally:
        app.batcher.close()


async def posted(app, texts):
    """Ask an application for predictions: the status, and the JSON of its answer."""
    body, sent = json.dumps({"texts": texts}).encode(), []
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": "/v1/predict", "headers": headers}

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    return sent[0]["status"], json.loads(b"".join(message["body"] for message in sent[1:]))


def write(file, texts):
    with file.open("w", encoding="utf-8", newline="", errors="surrogatepass") as stream:
        if file.suffix == ".jsonl":
            stream.writelines(json.dumps({"text": text}) + "\n" for text in texts)
            return
        writer = csv.writer(stream, quoting=csv.QUOTE_ALL)
        writer.writerow(["n", "text"])
        writer.writerows([n, without_surrogates(text)] for n, text in enumerate(texts))


def read(file):
    """Give each row's probabilities; none where it has an error."""
    with file.open(encoding="utf-8", newline="") as stream:
        if file.suffix == ".jsonl":
            rows = [json.loads(line) for line in stream.read().split("\n") if line]
        else:
            csv.field_size_limit(2**31 - 1)
            rows = list(csv.DictReader(stream))
    return [
        [float(row["probability_bad"]), float(row["probability_good"])] if row["label"] else None
        for row in rows
    ]


def check_tokens(texts):
    """See that tokens are none of nothing, that they don't depend on what was read before."""
    for name in ("messages", "keras"):
        tokenizer = get_tokenizer(name)
        for text in texts:
            tokens = tokenizer(text)
            assert all(tokens), f"{name}: an empty token of {text!a}"
            assert tokenizer(text) == tokens, f"{name}: other tokens of {text!a} the second time"
            if name == "messages":
                assert tokenizer(text + " ") == tokens, f"other tokens of {text!a} and a space"


def check_ids(texts):
    """See that training and prediction give the same ids, and so does an encoder that was kept."""
    for name, ties, unknown in (("messages", "word", True), ("keras", "first", False)):
        encoder, fitted = TextEncoder.fit(
            texts, tokenizer=name, max_tokens=50, ties=ties, unknown=unknown
        )
        again = encoder.encode(texts)
        kept = TextEncoder.from_state(json.loads(json.dumps(encoder.state()))).encode(texts)
        for other in (again, kept):
            assert np.array_equal(fitted.ids, other.ids), f"{name}: other ids"
            assert np.array_equal(fitted.offsets, other.offsets), f"{name}: other lengths"


def check_table(folder, texts):
    """See that a text read from a file to train on is the text that prediction is given."""
    expected = [without_surrogates(text) for text in texts]
    frame = pandas.DataFrame({"text": pandas.Series(texts, dtype=object)})
    table = read_table(frame, text="text", labelled=False, empty_text_as="")
    assert table.texts == expected, "a data frame: a text was changed by reading it"
    for form in ("csv", "jsonl"):
        file = folder / f"train.{form}"
        write(file, texts)
        table = read_table(file, text="text", encoding="utf-8", labelled=False, empty_text_as="")
        assert table.texts == expected, f"{form}: a text was changed by reading it"


def prepare(folder, arguments):
    asked = Asked(folder, arguments)

    def work(case):
        rng = random.Random(case)
        texts = [string(rng) for _ in range(TEXTS_A_CASE)]
        check_tokens(texts)
        clean = [without_surrogates(text) for text in texts]
        check_ids(clean)
        check_table(folder, texts)
        bundle = rng.choice(arguments)
        expected = predicted(asked.models[bundle], texts)
        blank = np.array([is_empty(text) for text in clean])
        assert (np.isfinite(expected).all(axis=1) != blank).all()
        for way, ask in asked.ways.items():
            found = ask(bundle, texts)
            there = np.isfinite(found).all(axis=1)
            odd = there == blank
            assert not odd.any(), f"{way}: no answer, or one too many, to {texts[odd.argmax()]!a}"
            differing = there & (np.abs(found - expected) > NEAR).any(axis=1)
            assert not differing.any(), f"{way}: another answer to {texts[differing.argmax()]!a}"
        return "the same in all ways"

    return work


if __name__ == "__main__":
    parts.main(prepare)
