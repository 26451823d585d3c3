"""The roles of columns: guesses with reasons, options that override them, questions when unsure."""

import pytest

from wordgate.data import read_table
from wordgate.errors import DataError


def csv_of(rows, header=None):
    return "\n".join(",".join(map(str, row)) for row in ([header] if header else []) + rows)


def tickets(copies=3, count=60):
    """Copies of each of some tickets, with an id, a topic of few values, and a label."""
    return [
        (f"t{i}", f"topic{i % 7}", ("good", "bad")[i % 2], f"words of ticket {i} copy {k}")
        for i in range(count)
        for k in range(copies)
    ]


def test_an_id_without_a_name_groups_and_a_topic_does_not(write):
    table = read_table(write("a.csv", csv_of(tickets())), label=3)
    choice = table.reading.choice("group")
    assert choice.number == 1
    assert choice.reason == "60 distinct values, each in 3 rows, always with one label"
    assert table.groups[:4] == ["t0", "t0", "t0", "t1"]


def test_a_topic_and_a_label_alike_are_a_question(write, message):
    write("a.csv", csv_of(tickets(), header=["nr", "thema", "mood", "words"]))
    assert message("a.csv") == (
        "cannot tell which column of 'a.csv' contains the label: column 3 'mood' and column 2"
        " 'thema' "
        "both have few values. Its columns are\n"
        "  column 1 'nr': 60 distinct values, such as 't0', 't1', 't2'\n"
        "  column 2 'thema': 7 distinct values, such as 'topic0', 'topic1', 'topic2'\n"
        "  column 3 'mood': 2 distinct values, such as 'good', 'bad'\n"
        "  column 4 'words': 180 distinct values, such as 'words of ticket 0 copy 0', "
        "'words of ticket 0 copy 1', 'words of ticket 0 copy 2'\n"
        "Name one with --label NAME or --label NUMBER (label=... in Python)."
    )


@pytest.mark.parametrize(
    ("names", "flag"), [(["a", "b c"], "'a,b c'"), (["a", "b;c"], "'a,b;c'"), (["", "x"], "2,x")]
)
def test_columns_of_0_and_1_are_a_question_that_names_them_all(write, message, names, flag):
    rows = [(f"words of text {i}", i % 2, i % 3 == 0, f"t{i % 7}") for i in range(40)]
    path = write("a.csv", csv_of(rows, header=["text", *names, "topic"]))
    assert message(path).endswith(
        "If a text can have several labels, each of which has a column of 0 and 1, name all:"
        f" --label {flag}"
    )
    found = read_table(path, label=flag.strip("'")).label_names()
    assert found == sorted(flag.strip("'").split(","))


def test_a_column_named_for_texts_holds_them_though_they_are_numbers(write):
    rows = [(12 * i, ("good", "bad")[i % 2]) for i in range(40)]
    table = read_table(write("a.csv", csv_of(rows, header=["text", "label"])))
    assert (table.texts[:2], table.labels[:2]) == (["0", "12"], ["good", "bad"])


@pytest.mark.parametrize(
    "date",
    ["2026/01/{:02} 10:00:00 AM GMT+1", "Mon Apr {:02} 22:19:45 PDT 2009", "{}. 1. 26, 9:05"],
)
def test_dates_are_no_texts_however_many_words_they_have(write, date):
    rows = [(f'"{date.format(i % 28)}"', f"a lamp {i}", i % 5) for i in range(40)]
    table = read_table(write("a.csv", csv_of(rows, header=["when", "What was it?", "stars"])))
    assert table.reading.choice("text").name == "What was it?"


@pytest.mark.parametrize("name", ["My\u00a0words", '"My\nwords"', " My  words "])
def test_spaces_in_a_name_may_be_of_any_kind(write, name):
    rows = [(words, label) for _, _, label, words in tickets()]
    path = write("a.csv", csv_of(rows, header=[name, "label"]))
    assert read_table(path, text="My words").reading.choice("text").number == 1


def test_names_decide_before_shapes(write):
    rows = [(f"{t} and more of it", label, words) for _, t, label, words in tickets()]
    table = read_table(write("a.csv", csv_of(rows, header=["notes", "class", "message"])))
    assert [c.name for c in table.reading.columns] == ["message", "class", None]


def test_label_is_a_certain_name_but_sentiment_and_category_are_a_question(write):
    rows = [(words, label, topic) for _, topic, label, words in tickets()]
    outright = write("a.csv", csv_of(rows, header=["text", "label", "category"]))
    assert read_table(outright).reading.choice("label").name == "label"
    unsure = write("b.csv", csv_of(rows, header=["text", "sentiment", "category"]))
    with pytest.raises(DataError, match="'sentiment' and column 3 'category' both could be"):
        read_table(unsure)


def test_flags_beat_guesses(write):
    path = write("a.csv", csv_of(tickets(), header=["id", "topic", "label", "text"]))
    table = read_table(path, label="topic", text=4, group="none")
    assert table.labels[0] == "topic0"
    assert table.groups is None
    assert [c.given for c in table.reading.columns] == [True, True, True]
    assert "group: none (switched off)" in table.reading.lines()
    assert "label: column 2 'topic' (as given)" in table.reading.lines()


def test_a_name_wins_over_a_number(write):
    path = write("a.csv", "text,2,label\nI liked it,x,good\nI left,y,bad\n")
    assert read_table(path, label="2").labels == ["x", "y"]
    assert read_table(path, label="3").labels == ["good", "bad"]


def test_a_named_user_column_groups_whatever_its_labels(write):
    rows = [(f"u{i % 30}", ("good", "bad")[i % 2 ^ i % 3 // 2], f"words {i}") for i in range(120)]
    path = write("a.csv", csv_of(rows, header=["user", "label", "text"]))
    choice = read_table(path).reading.choice("group")
    assert choice.name == "user"
    assert choice.reason.startswith("by its name; 30 distinct values, each in 4 rows, ")


@pytest.mark.parametrize("ids", [range(180), [i % 3 for i in range(180)]])
def test_ids_that_never_or_always_repeat_are_no_groups(write, ids):
    rows = [(i, label, words) for i, (_, _, label, words) in zip(ids, tickets(), strict=True)]
    path = write("a.csv", csv_of(rows, header=["id", "label", "text"]))
    assert read_table(path).reading.lines()[4] == ("group: none (no column looks like a group ID)")


def test_a_row_without_a_group_is_a_group_of_its_own(write):
    path = write("a.csv", "id,text,label\n7,I liked it,good\n,I left,bad\n,oh no,bad\n7,a b,good\n")
    table = read_table(path, group="id")
    assert len(set(table.groups)) == 3
    assert table.groups[0] == table.groups[3] == "7"
    assert table.reading.warnings == [
        "2 rows have no group: each is a group of its own",
    ]


def test_texts_in_a_script_without_spaces_are_long_texts(write):
    rows = [(f"{i % 2} of few", "这部电影真的非常好看" + chr(0x4E00 + i)) for i in range(40)]
    assert read_table(write("a.csv", csv_of(rows))).reading.choice("text").number == 2


def test_labels_people_write_are_known_as_such(write):
    rows = [(f"t{i % 3}", ("spam", "ham")[i % 2], f"some words {i}") for i in range(30)]
    assert read_table(write("a.csv", csv_of(rows))).reading.choice("label").number == 2


def test_two_texts_alike_are_a_question(write):
    rows = [(f"one text {i}", f"other text {i}", ("good", "bad")[i % 2]) for i in range(30)]
    with pytest.raises(DataError, match="column 1 and column 2 are equally long"):
        read_table(write("a.csv", csv_of(rows)))


def test_texts_to_predict_need_no_label(write):
    path = write("a.csv", "text\nI liked it\nI left\n")
    table = read_table(path, labelled=False)
    assert (table.texts, table.labels) == (["I liked it", "I left"], None)


def test_texts_to_predict_may_have_empty_labels(write):
    path = write("a.csv", "text,label\nI liked it,\nI left,bad\n")
    assert read_table(path, labelled=False).labels == ["", "bad"]


def test_the_split_column_gives_parts(write):
    path = write("a.csv", "text,label,split\na b,good,train\nc d,bad,Val\ne f,bad,testing\n")
    table = read_table(path, split_column="split")
    assert table.parts == ["train", "valid", "test"]
    assert read_table(path).parts is None


def test_another_value_in_the_split_column_is_refused(write, message):
    path = write("a.csv", "text,label,split\na b,good,train\nc d,bad,holdout\n")
    assert message(path, split_column=3) == (
        "the split column of 'a.csv' contains 'holdout' in row 2; it must contain train, valid or"
        " test"
    )


def many_classes(names, *columns, count=505):
    """A text a row and further columns: each a function of the row's number."""
    return csv_of(
        [(f"some words of row {i}", *(of(i) for of in columns)) for i in range(count)],
        header=["text", *names],
    )


def class_of(n, name="class"):
    return lambda i: f"{name} {i % n}"


@pytest.mark.parametrize("name", ["label", "Labels", "target", "class", "CATEGORY", "intent"])
@pytest.mark.parametrize("of", [class_of(101), class_of(150), class_of(400), lambda i: i % 120,
                                lambda i: f"{i % 130}.0",
                                class_of(12, "of more words than a class most often has")],
                         ids=["101", "150", "rare", "numbers", "floats", "long"])  # fmt: skip
def test_a_column_that_is_named_so_is_the_label_however_many_classes(write, name, of):
    for further in ([], [("lang", lambda i: "de" if i % 3 else "en")],
                    [("price", lambda i: i / 7), ("shop", class_of(4))]):  # fmt: skip
        names = [name, *(called for called, _ in further)]
        columns = [of, *(column for _, column in further)]
        table = read_table(write("a.csv", many_classes(names, *columns)))
        assert table.reading.choice("label").name == name
        assert table.reading.choice("text").name == "text"


@pytest.mark.parametrize(
    ("names", "columns", "label"),
    [
        (["emotion", "lang"], [class_of(150), class_of(2)], "emotion"),
        (["product_category", "lang"], [class_of(150), class_of(2)], "product_category"),
        (["product_category", "verdict"], [class_of(150), lambda i: ("pos", "neg")[i % 2]],
         "verdict"),
        (["label", "sentiment"], [class_of(101), class_of(3)], "label"),
        (["target", "sentiment"], [class_of(101), class_of(3)], "sentiment"),
        (["target", "sentiment"], [lambda i: i / 7, class_of(3)], "sentiment"),
        (["score", "shop"], [lambda i: i * 31 % 211, class_of(4)], "shop"),
        (["target", "shop"], [lambda i: i / 7, class_of(4)], "shop"),
        (["label", "sentiment"], [lambda i: f"note of row {i}", class_of(3)], "sentiment"),
    ],
)  # fmt: skip
def test_columns_of_few_values_go_before_and_measures_last(write, names, columns, label):
    table = read_table(write("a.csv", many_classes(names, *columns)))
    assert table.reading.choice("label").name == label


TAGGED = [["a", "b", "a;b", "b;c", "c", "a;c"][i % 6] for i in range(60)]


@pytest.mark.parametrize("name", ["tags", "Genres", "film_topics", "categories", "keywords"])
def test_a_column_of_several_labels_is_recognised_by_its_name(write, name):
    rows = [(f"some words of row {i}", tags, i % 3) for i, tags in enumerate(TAGGED)]
    table = read_table(write("a.csv", csv_of(rows, header=["text", name, "floor"])))
    choice = table.reading.choice("label")
    assert choice.name == name
    assert choice.reason.startswith("by its name; 6 distinct values in 60 rows: ")
    assert table.label_sets[:3] == [("a",), ("b",), ("a", "b")]


@pytest.mark.parametrize(
    ("names", "label"),
    [(["tags", "sentiment"], "sentiment"), (["genres", "product_category"], "product_category"),
     (["tags", "verdict"], "verdict")],
)  # fmt: skip
def test_a_better_name_or_labels_that_people_write_go_before(write, names, label):
    rows = [(f"some words of row {i}", tags, ("pos", "neg")[i % 2])
            for i, tags in enumerate(TAGGED)]  # fmt: skip
    table = read_table(write("a.csv", csv_of(rows, header=["text", *names])))
    assert table.reading.choice("label").name == label


def test_two_columns_of_several_labels_are_a_question(write):
    rows = [(f"some words of row {i}", tags, tags) for i, tags in enumerate(TAGGED)]
    path = write("a.csv", csv_of(rows, header=["text", "genres", "tags"]))
    with pytest.raises(DataError, match="column 3 'tags' and column 2 'genres' both could be"):
        read_table(path)


@pytest.mark.parametrize("name", ["label", "target", "score"])
def test_a_measure_is_no_label_unless_asked_for(write, name, message):
    path = write("a.csv", many_classes([name], lambda i: i / 7))
    assert f"column 2 '{name}' contains 505 different numbers, which look like" in message(path)
    assert len(read_table(path, label=name)) == 505


def test_two_named_columns_of_many_classes_are_a_question(write):
    path = write("a.csv", many_classes(["class", "intent"], class_of(150), class_of(120, "intent")))
    with pytest.raises(DataError, match="'class' and column 3 'intent' both could be"):
        read_table(path)


def test_a_column_that_hardly_any_row_fills_is_not_the_text(write):
    rows = [("ham" if i % 3 else "spam", f"lamp {i}", "") for i in range(40)]
    rows[7] = ("ham", "lamp 7", "and a long sentence that a comma has cut off")
    table = read_table(write("a.csv", csv_of(rows, header=["v1", "v2", ""])))
    assert [choice.name for choice in table.reading.columns] == ["v2", "v1", None]


@pytest.mark.parametrize("name", ["text", "label"])
def test_two_columns_of_the_same_name_are_a_question_of_the_label_alone(write, name):
    rows = [(words, label, f"{topic} {name}") for _, topic, label, words in tickets()]
    names = ["text", "label", name]
    write("a.csv", csv_of(rows, header=names))
    if name == "label":
        with pytest.raises(DataError, match="column 2 'label' and column 3 'label' both could be"):
            read_table("a.csv")
    else:
        assert read_table("a.csv").reading.choice("text").number == 1


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (
            "{text},",
            "cannot tell which column of 'a.csv' contains the label: column 2 'label' is empty.",
        ),
        (",{label}", "no rows of 'a.csv' are left: of 60, left out 60 (empty text)"),
    ],
)
def test_an_empty_column_is_named(write, row, expected, message):
    lines = [row.format(text=words, label=label) for _, _, label, words in tickets(copies=1)]
    assert message(write("a.csv", "\n".join(["text,label", *lines]))).startswith(expected)


@pytest.mark.parametrize("content", ["text,label\n", "text,label", "id\tSatz\tlabel\n\n"])
def test_a_header_alone_has_no_rows(write, content):
    with pytest.raises(DataError, match=r"^'a\.csv' has no rows below its header$"):
        read_table(write("a.csv", content))
