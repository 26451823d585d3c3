import csv

import pandas as pd
import pytest

import wordgate
from wordgate.cli.evaluate import format_evaluation
from wordgate.errors import DataError
from wordgate.runtime.progress import Silent


def refusal(bundle, data, **options):
    with pytest.raises(DataError) as caught:
        wordgate.evaluate(bundle, data, **options)
    return str(caught.value)


def first_line(evaluation):
    return format_evaluation(evaluation).splitlines()[0]


def strangers(n):
    """Make rows like none of the training's."""
    words = ["amber", "basil", "cedar", "dune", "ember", "fjord", "grove", "heath", "iris", "jade"]
    return [
        (f"s{i}", ("bad", "good")[i % 2], " ".join(words[(i * k + k) % 10] for k in range(1, 9)))
        for i in range(n)
    ]


def test_rows_of_the_training_are_counted_first(count_model):
    evaluation = wordgate.evaluate(count_model.folder, count_model.data)
    assert (evaluation.seen.n, evaluation.seen.texts, evaluation.seen.groups) == (300, 240, 240)
    near = count_model.metrics.split.near_duplicates_in_train
    assert evaluation.seen.near_copies == evaluation.seen.rows == 240 + near
    assert evaluation.unseen.n == 60 - near
    assert first_line(evaluation) == (
        f"{240 + near} of these 300 rows were seen during the model's training (240 as exact"
        f" duplicates; {near} as near duplicates; 240 by their group): scores on these rows"
        " mostly measure memorization (less so if the near duplicates come from a template)."
    )


def test_unseen_rows_say_so(count_model, make_file):
    evaluation = wordgate.evaluate(count_model.folder, make_file(strangers(40)))
    assert evaluation.seen.rows == 0
    assert evaluation.unseen is None
    assert first_line(evaluation) == "None of these 40 rows was seen during the model's training."


def test_unseen_rows_are_scored_apart(count_model, make_file, make_rows):
    evaluation = wordgate.evaluate(count_model.folder, make_file([*make_rows(), *strangers(40)]))
    alone = wordgate.evaluate(count_model.folder, make_file(strangers(40), "alone.csv"))
    known = evaluation.seen.rows
    assert 240 <= known <= 300
    n_unseen = 340 - known
    assert evaluation.unseen.n == n_unseen >= alone.scores.n
    assert first_line(evaluation).startswith(f"{known} of these 340 rows were seen during the")
    assert (
        format_evaluation(evaluation)
        .splitlines()[-1]
        .startswith(
            f"On the {n_unseen} unseen rows only: accuracy {evaluation.unseen.accuracy:.3f}, 95%"
            " interval "
        )
    )


def copied_rows(rows, every):
    """Change a word in some rows."""
    return [(f"c{g}", label, f"{text} indeed") for g, label, text in rows[::every]]


@pytest.mark.parametrize("every", [3, 7])
def test_training_and_evaluation_count_the_same_near_duplicates(
    make_file, make_rows, tmp_path, every
):
    rows = make_rows()
    train = make_file(rows[:200], "train.csv")
    test = make_file([*copied_rows(rows[:200], every), *rows[200:], *strangers(20)], "test.csv")
    folder = tmp_path / "m"
    training = wordgate.train(train, test=test, out=folder, model="count", progress=Silent())
    seen = wordgate.evaluate(folder, test, group="none").seen
    assert seen.near_copies == training.metrics.split.near_duplicates_in_train > 0
    assert (seen.estimated, seen.false_alarms) == (0, 0.0)


def test_near_duplicates_in_another_file_are_estimates_with_false_alarms(
    make_file, make_rows, tmp_path
):
    rows = make_rows()
    folder = tmp_path / "m"
    wordgate.train(make_file(rows), out=folder, model="count", progress=Silent())
    words = ["sometimes the {} of my {} is kept by a neighbour who has a {}".format(*w)
             for w in [("boat", "uncle", "garage"), ("horn", "sister", "cellar")]]  # fmt: skip
    others = [(f"o{i}", "good", text) for i, text in enumerate(words)]
    file = make_file([*copied_rows(rows, 10), *others, *strangers(20)], "judged.csv")
    evaluation = wordgate.evaluate(folder, file, group="none")
    seen = evaluation.seen
    assert seen.near_copies >= seen.estimated >= 20
    assert 0 < seen.false_alarms < 5
    doubt = f"an estimate with {seen.false_alarms:.1f} expected false positives"
    assert doubt in first_line(evaluation)


def test_scores_are_those_of_the_training_where_the_rows_are_its_test_rows(
    make_file, make_rows, tmp_path
):
    rows = make_rows()
    train, test = make_file(rows[:200], "train.csv"), make_file(rows[200:], "test.csv")
    training = wordgate.train(
        train, test=test, out=tmp_path / "m", model="count", progress=Silent()
    )
    scores = wordgate.evaluate(tmp_path / "m", test).scores
    assert dict(scores).items() <= dict(training.metrics).items()


@pytest.fixture
def trained_on_numbers(tmp_path, make_file, make_rows):
    """A model that was trained without column names, on ids from 7000 to 7059."""
    rows = [(str(7000 + int(group[1:])), label, text) for group, label, text in make_rows()]
    folder = tmp_path / "m"
    wordgate.train(make_file(rows, header=None), out=folder, model="count", progress=Silent())
    return folder, rows


def test_ids_are_known_again_in_a_file_with_one_row_an_id(trained_on_numbers, make_file):
    """The ids of such a file look like any numbers; in training their column had no name."""
    folder, rows = trained_on_numbers
    new_texts = [(rows[5 * i][0], *row[1:]) for i, row in enumerate(strangers(60))]
    file = make_file(new_texts, "judged.csv", header=("No", "Target", "Twit"))
    evaluation = wordgate.evaluate(folder, file)
    assert (evaluation.seen.texts, evaluation.seen.groups) == (0, 48)
    assert (
        "group: column 1 'No' (the groups of 48 of 60 rows were in training)"
        in evaluation.reading.lines()
    )
    assert evaluation.unseen.n == 12
    switched_off = wordgate.evaluate(folder, file, group="none")
    assert switched_off.seen.groups is None
    assert switched_off.seen.rows == 0


def test_a_few_ids_are_known_again_by_their_texts(trained_on_numbers, make_file):
    folder, rows = trained_on_numbers
    others = [(str(9000 + i), *row[1:]) for i, row in enumerate(strangers(60))]
    file = make_file([*rows[:50:5], *others], "judged.csv", header=None)
    evaluation = wordgate.evaluate(folder, file)
    assert evaluation.seen.n == 70
    assert 5 <= evaluation.seen.groups <= 10


@pytest.mark.parametrize("first", [0, 7050])
def test_numbers_are_not_taken_for_ids_by_chance(trained_on_numbers, make_file, first):
    folder, _ = trained_on_numbers
    rows = [(str(first + i), *row[1:]) for i, row in enumerate(strangers(60))]
    evaluation = wordgate.evaluate(folder, make_file(rows, "judged.csv", header=None))
    assert evaluation.seen.groups is None
    assert evaluation.seen.rows == 0


def test_rows_without_an_id_are_not_taken_for_those_of_the_training(tmp_path, make_file, make_rows):
    rows = [("" if i < 150 else row[0], *row[1:]) for i, row in enumerate(make_rows())]
    folder = tmp_path / "m"
    wordgate.train(make_file(rows), out=folder, model="count", group="id", progress=Silent())
    nameless = [("", *row[1:]) for row in strangers(40)]
    evaluation = wordgate.evaluate(folder, make_file(nameless, "judged.csv"), group="id")
    assert evaluation.seen.groups == 0


def test_a_file_of_one_label_is_evaluated(count_model, make_file):
    good = [row for row in strangers(40) if row[1] == "good"]
    evaluation = wordgate.evaluate(count_model.folder, make_file(good))
    assert evaluation.scores.n == 20
    assert evaluation.scores.macro_over == ["good"]


def test_labels_the_model_does_not_know_are_refused(count_model, make_file):
    rows = [*strangers(40), ("a", "ugly", "x"), ("b", "ugly", "y"), ("c", "goood", "z")]
    file = make_file(rows)
    assert refusal(count_model.folder, file) == (
        "labels that the model does not have: 'goood' (1 row), 'ugly' (2 rows); did you mean"
        " 'good'?\nTo leave such rows out: --drop-label goood --drop-label ugly"
    )
    evaluation = wordgate.evaluate(count_model.folder, file, drop_labels=["goood", "ugly"])
    assert evaluation.scores.n == 40


def test_long_unknown_labels_are_shortened(count_model, make_file):
    rows = [*strangers(40), ("a", 50 * "ugly ", "x")]
    reported = refusal(count_model.folder, make_file(rows)).splitlines()[0]
    assert reported.startswith("labels that the model does not have: 'ugly ugly ")
    assert "...' (1 row)" in reported
    assert len(reported) < 150


@pytest.mark.slow
@pytest.mark.real_data
def test_the_kaggle_validation_file_is_known_from_training(
    twitter_training, twitter_validation, tmp_path
):
    """Every id of it stands in the training file; here in a part of it, to be quick."""
    with twitter_training.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))[:4000]
    with twitter_validation.open(encoding="utf-8-sig", newline="") as stream:
        header, *judged = csv.reader(stream)
    trained_ids = {row[0] for row in rows}
    judged = [row for row in judged if row[0] in trained_ids]
    train, valid = tmp_path / "train.csv", tmp_path / "valid.csv"
    for file, content in ((train, rows), (valid, [header, *judged])):
        with file.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows(content)

    folder = tmp_path / "m"
    wordgate.train(train, out=folder, model="count", progress=Silent())
    evaluation = wordgate.evaluate(folder, valid)
    assert evaluation.seen.n == len(judged) > 50
    assert evaluation.seen.groups > 0.7 * len(judged)
    assert " by their group): scores on these rows mostly measure memorization" in first_line(
        evaluation
    )


@pytest.fixture
def trained_on_topics(tmp_path, make_file, make_rows):
    """A model that reads the topic in front of the text, and the rows it was trained on."""
    rows = [(g, f"topic {i % 3}", *rest) for i, (g, *rest) in enumerate(make_rows())]
    file, folder = make_file(rows, header=("id", "topic", "label", "text")), tmp_path / "m"
    wordgate.train(file, out=folder, model="count", text="topic,text", progress=Silent())
    return folder, rows


def test_a_file_is_read_by_the_columns_the_model_joins(trained_on_topics, make_file):
    folder, rows = trained_on_topics
    turned = [(text, label, topic) for _, topic, label, text in rows]
    file = make_file(turned, "judged.csv", ("text", "label", "topic"))
    evaluation = wordgate.evaluate(folder, file)
    assert "text: columns 3 'topic' and 1 'text' (as in training)" in evaluation.reading.lines()
    assert evaluation.reading.preview[0].text == f"topic 0 | {rows[0][3]}"
    named = wordgate.evaluate(folder, file, text="topic,text")
    assert "text: columns 3 'topic' and 1 'text' (as given)" in named.reading.lines()
    assert named.scores == evaluation.scores


def test_texts_of_the_training_are_known_under_another_topic(trained_on_topics, make_file):
    folder, rows = trained_on_topics
    moved = [(f"x{i}", "elsewhere", *row[2:]) for i, row in enumerate(rows)]
    file = make_file(moved, "judged.csv", header=("id", "topic", "label", "text"))
    seen = wordgate.evaluate(folder, file, group="none").seen
    assert seen.texts == 240 <= seen.near_copies == seen.rows
    assert wordgate.evaluate(folder, file, text="text", group="none").seen == seen


def test_groups_of_the_training_are_known_where_columns_are_joined(trained_on_topics, make_file):
    folder, rows = trained_on_topics
    file = make_file(rows[::5], "judged.csv", header=("id", "topic", "label", "text"))
    evaluation = wordgate.evaluate(folder, file, group="id")
    assert evaluation.seen.groups == 48


def test_a_file_without_the_columns_the_model_joins_is_asked_about(
    trained_on_topics, make_file, make_rows
):
    folder, _ = trained_on_topics
    file = make_file(make_rows(), "judged.csv")
    assert refusal(folder, file) == (
        "no column 'topic'; available: id, label, text\n"
        "The model reads 'topic | text': name these columns of the data with --text"
    )
    assert wordgate.evaluate(folder, file, text="text").scores.n == 300
    assert refusal(folder, "nowhere.csv") == "no file 'nowhere.csv'"


def test_another_flag_that_is_wrong_is_reported_alone(trained_on_topics, make_file):
    folder, rows = trained_on_topics
    file = make_file(rows, header=("id", "topic", "label", "text"))
    assert refusal(folder, file, label="labl") == "no column 'labl'; did you mean 'label'?"


def test_groups_found_again_leave_the_columns_their_reason(tmp_path, make_file, make_rows):
    rows = [(str(7000 + int(g[1:])), f"t{i % 3}", *rest)
            for i, (g, *rest) in enumerate(make_rows())]  # fmt: skip
    folder = tmp_path / "m"
    file = make_file(rows, header=None)
    wordgate.train(file, out=folder, model="count", text="2,4", progress=Silent())
    judged = [(rows[5 * i][0], "t", *row[1:]) for i, row in enumerate(strangers(60))]
    file = make_file(judged, "judged.csv", header=("No", "Topic", "Target", "Twit"))
    lines = wordgate.evaluate(folder, file).reading.lines()
    assert "text: columns 2 'Topic' and 4 'Twit' (as in training)" in lines
    assert "group: column 1 'No' (the groups of 48 of 60 rows were in training)" in lines


def test_the_columns_of_the_training_are_read_where_others_look_better(tmp_path, make_rows):
    """Another column is called label, and another text: judged by these, scores would be false."""
    rows = [
        {"summary": text, "text": "nothing is said here of any use", "label": "good", "mood": label}
        for _, label, text in make_rows()
    ]
    frame, folder = pd.DataFrame(rows), tmp_path / "m"
    wordgate.train(
        frame, text="summary", label="mood", out=folder, model="count", progress=Silent()
    )
    evaluation = wordgate.evaluate(folder, frame)
    columns = {choice.role: choice for choice in evaluation.reading.columns}
    assert (columns["text"].name, columns["label"].name) == ("summary", "mood")
    assert columns["label"].reason.startswith("as in training; 2 distinct values in 300 rows")
    assert (
        evaluation.scores.accuracy
        == wordgate.evaluate(
            folder, frame[["summary", "mood"]], text="summary", label="mood"
        ).scores.accuracy
    )
    other = wordgate.evaluate(folder, frame.rename(columns={"mood": "x"}), label="x")
    assert other.scores.accuracy == evaluation.scores.accuracy
    swapped = wordgate.evaluate(folder, frame, label="label")
    assert [one.support for one in swapped.scores.per_class] == [0, 300]


def test_intervals_resample_exact_duplicates_together(count_model):
    texts = [f"row number {n} of the {word} ship" for n, word in enumerate(["good", "bad"] * 5)]
    frame = pd.DataFrame({"text": texts, "label": ["good", "bad"] * 5})
    once = wordgate.evaluate(count_model.folder, frame).scores
    often = wordgate.evaluate(count_model.folder, pd.concat([frame] * 30)).scores
    assert often.accuracy == once.accuracy
    assert (often.intervals.accuracy.low, often.intervals.accuracy.high) == (
        once.intervals.accuracy.low,
        once.intervals.accuracy.high,
    )
    assert "10 rows" in once.intervals.accuracy.method
    assert "10 groups" in often.intervals.accuracy.method
