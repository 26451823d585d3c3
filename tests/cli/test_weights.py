"""Weights of labels and texts on the command line."""

import csv

import pytest

import wordgate as package


def test_labels_and_texts_have_the_weights_of_the_command_line(wordgate, tmp_path):
    data = tmp_path / "mail.csv"
    with data.open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["text", "label", "importance"])
        for i in range(300):
            is_spam = i % 10 == 0
            word = "prize" if i % 20 == 0 else "report"
            label = "spam" if is_spam else "ham"
            rows.writerow([f"{word} item{i % 61} {i}", label, 9 if is_spam else 1])
    options = ("--family", "count", "--text", "text", "--label", "label", "-q")
    spam = []
    for number, more in enumerate(
        [(), ("--class-weight", "spam=9"), ("--weight", "importance"), ("--class-weight", "spam=1")]
    ):
        out = tmp_path / str(number)
        assert wordgate("train", data, *options, *more, "--out", out).code == 0
        model = package.load(out)
        spam.append(model.predict_proba([f"report item{i}" for i in range(61)])[:, 1].mean())
    assert spam[1] > spam[0]
    assert spam[2] > spam[0]
    assert spam[3] == pytest.approx(spam[0], rel=0.01)
