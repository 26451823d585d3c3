"""Several labels per text, and thresholds, on the command line."""

import json

import pytest

import wordgate as package

TEXTS = ("so cheap", "cheap and fast", "a lamp")


@pytest.fixture(scope="module")
def proba(topics_model):
    """Ask the model itself, by label."""
    model = package.load(topics_model)
    return lambda text: dict(
        zip(model.labels, model.predict_proba([text])[0].tolist(), strict=True)
    )


def likeliest(proba):
    ranked = sorted(proba.items(), key=lambda item: -item[1])
    return "  ".join(f"{label} {share:.3f}" for label, share in ranked[:3])


def test_predict_writes_the_labels_and_then_their_probabilities(wordgate, topics_model, proba):
    both = proba(TEXTS[1])
    assert wordgate("predict", topics_model, *TEXTS, " ").out.splitlines() == [
        f"price  {proba(TEXTS[0])['price']:.3f}\tso cheap",
        f"price, speed  {both['price']:.3f} {both['speed']:.3f}\tcheap and fast",
        f"(none)  {likeliest(proba(TEXTS[2]))}\ta lamp",
        "–  the text is empty\t ",
    ]


def test_predict_gives_the_same_as_json(wordgate, topics_model, proba):
    expected = [
        {"text": text, "labels": labels, "probabilities": proba(text)}
        for text, labels in zip(TEXTS, (["price"], ["price", "speed"], []), strict=True)
    ]
    expected.append({"text": "", "labels": None, "probabilities": {}, "error": "the text is empty"})
    whole = wordgate("predict", topics_model, "--json", *TEXTS, "").out
    assert json.loads(whole) == {"predictions": expected}
    lines = wordgate("predict", topics_model, "--jsonl", *TEXTS, "").out.splitlines()
    assert list(map(json.loads, lines)) == expected


def labels_of(ended):
    return [one["labels"] for one in json.loads(ended.out)["predictions"]]


def test_thresholds_are_one_for_all_or_by_label(wordgate, topics_model):
    predict = ("predict", topics_model, "--json", "cheap and fast")
    assert labels_of(wordgate(*predict, "--threshold", "0.999")) == [[]]
    assert len(labels_of(wordgate(*predict, "--threshold", "1e-9"))[0]) == 3
    by_label = ("--threshold", "price=0.999", "--threshold", "quality=1e-9")
    assert labels_of(wordgate(*predict, *by_label)) == [["speed", "quality"]]
    assert labels_of(wordgate(*predict, "--top", "1")) == [["price"]]


def test_the_most_probable_labels_are_given_of_a_model_of_one_label_too(wordgate, count_model):
    (one,) = json.loads(wordgate("predict", count_model.folder, "--json", "We love it").out)[
        "predictions"
    ]
    ended = wordgate("predict", count_model.folder, "--top", "2", "We love it")
    good, bad = one["probabilities"]["good"], one["probabilities"]["bad"]
    assert ended.out == f"good, bad  {good:.3f} {bad:.3f}\tWe love it\n"


def test_of_two_labels_the_second_is_given_from_the_threshold_on(wordgate, count_model):
    predict = ("predict", count_model.folder, "We hate it")
    (good,) = package.load(count_model.folder).predict_proba(["We hate it"])[:, 1] / 2
    assert wordgate(*predict).out.startswith("bad ")
    lower = wordgate(*predict, "--threshold", good).out
    assert lower.startswith("good ")
    assert lower == wordgate(*predict, "--threshold", f"good={good}").out
    assert lower == wordgate(*predict, "--threshold", f"bad={1 - good}").out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--threshold", "high"], "'high' is neither a probability nor LABEL=P, such as spam=0.8"),
        (["--threshold", "price="], "'price=' is neither a probability nor LABEL=P"),
        (["--threshold", ".5", "--threshold", ".6"], "give one P for all labels, or LABEL=P only"),
        (["--threshold", "a=.5", "--threshold", "a=.6"], "'a' has two thresholds: leave one out"),
        (["--threshold", "1.5"], "threshold is 1.5; it must be a probability above 0 and below 1"),
        (["--threshold", "prize=.5"], "did you mean 'price'?"),
        (["--top", "4"], "top is 4; it must be a whole number from 1 to 3, the number of labels"),
        (["--abstain-below", ".5"], "abstain_below applies only to models of one label per text"),
    ],
)
def test_options_without_effect_are_refused(wordgate, topics_model, options, message):
    ended = wordgate("predict", topics_model, "cheap", *options)
    assert ended.code in (1, 2)
    assert ended.out == ""
    assert message in ended.err


def test_labels_that_could_be_taken_for_others_are_quoted(wordgate, make_topics):
    folder = make_topics(("(none)", "a, b", 'c"\t'))
    lines = wordgate("predict", folder, "cheap", "broken", "fast", "a lamp").out.splitlines()
    shown = [line.partition("  ")[0] for line in lines]
    assert shown == ['"(none)"', '"a, b"', '"c\\"\\t"', "(none)"]
    lines = wordgate("info", folder).out.splitlines()
    assert 'labels: (none), "a, b", "c\\"\\t"' in lines
    thresholds = '(none) 0.4, "a, b" 0.4, "c\\"\\t" 0.4'
    assert f"labels per text: any number; thresholds: {thresholds}" in lines
    assert '. Not predicted: "a, b" 0.119' in wordgate("explain", folder, "cheap").out


def test_explain_is_about_the_most_probable_label_or_the_one_named(wordgate, topics_model):
    out = wordgate("explain", topics_model, "cheap and fast").out
    assert out.startswith("Predicted: price 0.")
    assert "\nExplained label: price, which is predicted; its probability is 0." in out
    assert "its threshold 0.4." in out
    assert "cheap(++) and fast" in out
    assert (
        "(+): the word supports price, whose log-odds are lower by 0.25 or more without it" in out
    )
    out = wordgate("explain", topics_model, "a lamp, not broken", "--label", "speed").out
    assert "\nExplained label: speed, which is not predicted; " in out
    found = json.loads(wordgate("explain", topics_model, "cheap", "--label", "speed", "--json").out)
    assert (found["label"], found["labels"]) == ("speed", ["price"])
    wrong = wordgate("explain", topics_model, "-", "--label", "sped")
    assert wrong.err.endswith("; did you mean 'speed'?\n")


def test_info_shows_a_model_with_values_of_other_types(wordgate, make_topics):
    odd = {"data": {"n_kept": "many"}, "settings": {"class_weight": {"price": ["x"], "speed": 2}}}
    out = wordgate("info", make_topics(**odd)).out
    assert "data: None, rows unknown" in out.splitlines()
    assert "class_weight=price=['x'],speed=2" in out


def test_info_shows_the_thresholds(wordgate, topics_model):
    line = "labels per text: any number; thresholds: price 0.4, quality 0.4, speed 0.4"
    assert line in wordgate("info", topics_model).out.splitlines()
    found = json.loads(wordgate("info", topics_model, "--json").out)["config"]
    assert (found["multilabel"], found["thresholds"]) == (True, [0.4, 0.4, 0.4])


def test_score_takes_a_threshold(wordgate, topics_model, tmp_path):
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("text\ncheap and fast\na lamp\n")
    ended = wordgate("score", topics_model, source, out)
    assert ended.out.startswith("Scored 2 of 2 rows, 1 without a label\n")
    assert out.read_text().splitlines()[1].startswith("cheap and fast,price;speed,0.")
    wordgate("score", topics_model, source, out, "--overwrite", "--top", "1")
    assert out.read_text().splitlines()[1].startswith("cheap and fast,price,0.")
    wordgate("score", topics_model, source, out, "--overwrite", "--threshold", "price=0.999")
    assert out.read_text().splitlines()[1].startswith("cheap and fast,speed,0.")
