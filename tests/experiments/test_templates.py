"""Texts made from templates are similar, but not called memory if their labels differ."""

import random

import pytest

import wordgate
from wordgate.report.audit import format_audit
from wordgate.report.text import leak_warning
from wordgate.runtime.progress import Silent

THINGS = ["card", "payment", "transfer", "refund", "account", "pension", "fee", "statement"]
TEMPLATES = [
    "Why was my {} declined at the store in {} on the {}th of this month",
    "Can you please tell me how my {} can be tracked from {} on the {}th",
    "I would like to know what happened to my {} while I was in {} on the {}th",
]
CITIES = ["Oslo", "Rome", "Lima", "Cairo", "Delhi", "Quito", "Perth"]


def written(rng):
    template = rng.choice(TEMPLATES)
    return template.format(rng.choice(THINGS), rng.choice(CITIES), rng.randrange(10**6))


def two_labels(rng):
    return written(rng), rng.choice(["ok", "no"])


def many_labels(rng):
    return written(rng), f"intent {rng.randrange(20)}"


def rare_label(rng):
    return written(rng), rng.choice(["ham", "ham", "ham", "ham", "spam"])


def rows(make, n, seed):
    rng = random.Random(seed)
    return [(f"{seed}-{i}", label, text) for i, (text, label) in enumerate(make(rng)
            for _ in range(n))]  # fmt: skip


def trained(make_file, train, test, **options):
    files = make_file(train, "train.csv"), make_file(test, "test.csv")
    return wordgate.train(
        files[0], test=files[1], model="count", group="none", progress=Silent(), **options
    )


@pytest.mark.parametrize("make", [two_labels, many_labels, rare_label])
def test_templates_are_not_called_memory(make_file, make):
    training = trained(make_file, rows(make, 400, 0), rows(make, 120, 1))
    split = training.metrics.split
    assert split.similar_in_train > 60
    assert split.known_in_train == 0
    assert split.templated
    text = leak_warning(split)
    assert text.endswith(
        f"; {split.similar_in_train} are similar to training rows without sharing text or group,"
        f" and {split.similar_with_label} of these"
        f" ({split.similar_with_label / split.similar_in_train:.1%}) have the most common label"
        " of those training rows. The similar rows look like texts made from templates, not"
        " like duplicates: their labels also differ."
    )
    report = " ".join([text, *training.remarks])
    assert "LEAKAGE:" not in report
    assert "partly measures memorization" not in report


def test_exact_duplicates_among_templates_are_counted_as_leaked(make_file):
    train, test = rows(two_labels, 400, 0), rows(two_labels, 120, 1)
    test += [(f"c{i}", label, text.upper()) for i, (_, label, text) in enumerate(train[:7])]
    split = trained(make_file, train, test, valid=make_file(rows(two_labels, 50, 2), "v.csv"))
    split = split.metrics.split
    assert (split.known_in_train, split.templated) == (7, True)
    text = leak_warning(split)
    assert text.startswith("LEAKAGE: Of 127 test rows, ")
    assert (
        " Scores on the 7 with the same text or group measure memorization; remove rows of their"
        in text
    )


def test_near_duplicates_of_the_same_label_are_still_memory(make_file, make_rows):
    train = make_rows()
    test = [(f"c{g}", label, f"{text} indeed") for g, label, text in train[::3]]
    training = trained(make_file, train, test)
    split = training.metrics.split
    assert not split.templated
    assert split.similar_with_label > 0.9 * split.similar_in_train > 50
    assert leak_warning(split).startswith("LEAKAGE: Of 100 test rows, ")
    assert "These scores may partly measure memorization; remove rows of their" in leak_warning(
        split
    )
    assert any(
        "the test score partly measures memorization" in remark for remark in training.remarks
    )


def test_near_duplicates_in_different_groups_are_reported_as_by_evaluation(make_file, make_rows):
    """Every text stands in three groups, with a word changed, more groups than can be joined."""
    data = [
        (f"g{number // 4}", label, f"{text} {word}")
        for number, (_, label, text) in enumerate(make_rows(60) * 3)
        for word in [("indeed", "truly", "really")[number // 60 % 3]]
    ]
    training = wordgate.train(make_file(data), model="count", progress=Silent())
    split = training.metrics.split
    assert (split.kind, split.leaked_by_group, split.templated) == ("grouped", 0, False)
    assert split.near_duplicates_in_train > 0.1 * split.n_test
    assert leak_warning(split) == (
        f"{split.leakage()} Scores on these may measure memorization, unless they only share a"
        " template."
    )


def keyword(rng):
    """A ticket whose label is one of its words."""
    label = rng.choice(["login", "payment", "refund"])
    device = rng.choice(["phone", "laptop", "tablet"])
    text = (
        f"Hello, my ticket {rng.randrange(10**6)} is about a {label} problem on my {device} since"
        f" {rng.choice(['Monday', 'Tuesday', 'Friday'])}, please help me, thank you,"
        f" {rng.choice([*CITIES, 'Paris', 'Kyoto', 'Accra', 'Bern', 'Riga', 'Doha'])}"
    )
    return text, label


@pytest.mark.parametrize("make", [keyword, two_labels, many_labels, rare_label])
def test_training_and_evaluation_agree_on_a_file_of_templates(make_file, tmp_path, make):
    test = make_file(rows(make, 120, 1), "test.csv")
    training = wordgate.train(
        make_file(rows(make, 400, 0)), test=test, model="count", group="none", out=tmp_path / "m",
        progress=Silent(),
    )  # fmt: skip
    split, seen = training.metrics.split, wordgate.evaluate(tmp_path / "m", test, group="none").seen
    assert (seen.near_copies, seen.estimated) == (split.near_duplicates_in_train, 0)
    report = " ".join([leak_warning(split), *training.remarks])
    is_memory = seen.rows > 0 and not split.templated
    warned = "partly measures memorization" in report
    assert ("LEAKAGE:" in report, warned) == (is_memory, is_memory)
    assert split.leaked_by_group > 20
    if make is keyword:  # alike enough to stand in one group, and no near copies
        assert (seen.rows, split.templated) == (0, False)
        assert "these groups were merged because of similar texts" in report


@pytest.mark.parametrize("make", [two_labels, many_labels, rare_label])
def test_an_audit_calls_templates_no_memory(make_file, make):
    report = " ".join(format_audit(wordgate.audit(make_file(rows(make, 400, 0)))).split())
    assert "they look like texts made from templates, and memorizing them would not raise" in report
    assert "measure memorization" not in report


def test_an_audit_calls_duplicates_memory(reviews):
    report = " ".join(format_audit(wordgate.audit(reviews)).split())
    assert "the score would mostly measure memorization" in report
