"""fastText's autotune in `make bench-search`: it chooses on validation rows, within some minutes.

Runs in an environment of its own that has fasttext, but not wordgate. Texts are prepared as in
fastText's tutorial: lower case, and punctuation separated from words.

python fasttext_peer.py TRAIN.csv VALID.csv TEST.csv SECONDS THREADS
"""

import csv
import json
import re
import sys
import tempfile
from pathlib import Path

import fasttext


def main() -> None:
    """Tune on the validation rows, and print the labels of the test rows as JSON."""
    train, valid, test = map(read, sys.argv[1:4])
    names = sorted({label for _, label in train})
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder) / name for name in ("train.txt", "valid.txt")]
        for file, rows in zip(files, (train, valid), strict=True):
            lines = (f"__label__{names.index(label)} {text}\n" for text, label in rows)
            file.write_text("".join(lines), encoding="utf-8")
        model = fasttext.train_supervised(
            str(files[0]),
            autotuneValidationFile=str(files[1]),
            autotuneDuration=int(sys.argv[4]),
            thread=int(sys.argv[5]),
            verbose=0,
        )
    found, _ = model.predict([text for text, _ in test])
    labels = [names[int(own[0].removeprefix("__label__"))] for own in found]
    args = model.f.getArgs()
    settings = {name: getattr(args, name) for name in ("epoch", "lr", "dim", "wordNgrams")}
    print(json.dumps({"labels": labels, "settings": settings}))


def read(name: str) -> list[tuple[str, str]]:
    """Read the texts and labels of a file."""
    with Path(name).open(encoding="utf-8", newline="") as stream:
        return [(prepared(row["text"]), row["label"]) for row in csv.DictReader(stream)]


def prepared(text: str) -> str:
    """Separate punctuation from words, in lower case."""
    return " ".join(re.sub(r"([.!?,'/()])", r" \1 ", text.lower()).split())


if __name__ == "__main__":
    main()
