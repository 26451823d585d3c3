"""Files scored by a model of several labels per text."""

import json

import pytest

import wordgate
from wordgate.errors import BundleError, SettingsError
from wordgate.runtime.progress import Silent
from wordgate.scoring.partial_output import PartialOutput

ROWS = "id,text\n1,cheap and fast\n2,\n3,a lamp\n4,broken\n"
LABELS = ["price;speed", "", "", "quality"]


@pytest.fixture
def label(here, topics_model):
    """Score a file of the folder with a model of several labels per text."""
    return lambda *files, model=topics_model, **options: wordgate.score(
        model, *files, **{"progress": Silent(), **options}
    )


def test_a_csv_file_gets_a_column_of_labels_and_one_for_each_label(
    label, write, records, topics_model
):
    reported = label(write("in.csv", ROWS), "out.csv")
    head, *rows = records("out.csv")
    names = ["probability_price", "probability_quality", "probability_speed"]
    assert head == ["id", "text", "labels", *names, "error"]
    assert reported.added == head[2:]
    assert (reported.scored, reported.errors, reported.abstained) == (3, 1, 1)
    assert [row[2] for row in rows] == LABELS
    proba = wordgate.load(topics_model).predict_proba(["cheap and fast", "a lamp", "broken"])
    scored = [row for row in rows if not row[-1]]
    assert [row[3:6] for row in scored] == [[f"{p:.6f}" for p in own] for own in proba]
    assert [row[-1] for row in rows] == ["", "the text is empty", "", ""]
    assert rows[1][2:6] == ["", "", "", ""]


@pytest.mark.parametrize("out", ["out.tsv", "out.csv.gz"])
def test_other_tables_hold_the_same(label, write, here, out):
    source = write("in.csv", ROWS)
    label(source, out)
    label(out, "again.jsonl", text="text")
    lines = (here / "again.jsonl").read_text().splitlines()
    assert [json.loads(line)["labels"] for line in lines] == LABELS


def test_json_lines_and_parquet_hold_lists(label, write, objects):
    from pyarrow import parquet

    source = write("in.csv", ROWS)
    expected = [["price", "speed"], None, [], ["quality"]]
    label(source, "out.jsonl")
    assert [one["labels"] for one in objects("out.jsonl")] == expected
    label(source, "out.parquet")
    table = parquet.read_table("out.parquet")
    assert table["labels"].to_pylist() == expected
    assert table["error"].to_pylist() == [None, "the text is empty", None, None]
    label("out.parquet", "back.csv", text="text")


def test_no_labels_and_no_answer_differ_where_null_can_be_told(label, here, write):
    write("in.jsonl", '{"text": "a lamp"}\n{"text": ""}\n{"text": "fast"}\n')
    label("in.jsonl", "out.csv")
    first, second, third = (here / "out.csv").read_text().splitlines()[1:]
    assert first.startswith('a lamp,"",0.')
    assert second == '"",,,,,the text is empty'
    assert third.startswith("fast,speed,0.")


def test_labels_are_joined_as_in_the_data_of_the_training(label, write, records, make_topics):
    label(write("in.csv", ROWS), "out.csv", model=make_topics(label_separator=", "))
    assert records("out.csv")[1][2] == "price, speed"


@pytest.mark.parametrize("out", ["out.csv", "out.tsv", "out.csv.gz"])
def test_a_label_that_holds_what_joins_them_is_refused_in_a_table(
    label, write, here, make_topics, objects, out
):
    odd = make_topics(("a;b", "c", "d"))
    source = write("in.csv", ROWS)
    with pytest.raises(SettingsError) as error:
        label(source, out, model=odd)
    form = "TSV" if out == "out.tsv" else "CSV"
    assert str(error.value) == (
        f"the label 'a;b' contains ';', which separates the labels of a text in {form}: write JSON"
        " Lines or Parquet, where they are a list (--to jsonl)"
    )
    assert [file.name for file in here.iterdir()] == ["in.csv"]
    label(source, "out.jsonl", model=odd)
    assert objects("out.jsonl")[0]["labels"] == ["a;b", "d"]


def test_thresholds_decide_and_what_has_none_is_refused(label, write, records):
    source = write("in.csv", ROWS)
    label(source, "out.csv", threshold={"price": 0.999})
    assert [row[2] for row in records("out.csv")[1:]] == ["speed", "", "", "quality"]
    with pytest.raises(SettingsError, match=r"^abstain_below applies only to models of one label "):
        label(source, "other.csv", abstain_below=0.5)


def test_the_most_probable_labels_are_given_whatever_the_thresholds(label, write, records):
    source = write("in.csv", ROWS)
    label(source, "out.csv", top=2)
    given = [row[2].split(";") for row in records("out.csv")[1:]]
    assert [len(one) for one in given] == [2, 1, 2, 2]
    assert given[0] == ["price", "speed"]
    with pytest.raises(SettingsError, match=r"^top is 4; it must be a whole number from 1 to 3"):
        label(source, "other.csv", top=4)


def test_a_model_of_one_label_a_text_gives_the_most_probable_ones_too(
    score, write, records, objects, proba
):
    source = write("in.csv", "text\nWe hate it\n")
    ((bad, good),) = proba(["We hate it"])
    reported = score(source, "out.csv", top=2)
    assert reported.added == ["labels", "probability_bad", "probability_good", "error"]
    assert records("out.csv")[1][1:] == ["bad;good", f"{bad:.6f}", f"{good:.6f}", ""]
    score(source, "out.jsonl", top=1)
    assert objects("out.jsonl")[0]["labels"] == ["bad"]
    with pytest.raises(SettingsError, match=r"^top gives the most probable labels, .* leave one"):
        score(source, "other.csv", top=1, abstain_below=0.5)


def test_an_interrupted_run_is_resumed_with_the_same_top_alone(label, write, monkeypatch):
    source, error = write("in.csv", "text\n" + 40 * "cheap and fast\na lamp\n"), KeyboardInterrupt
    with monkeypatch.context() as patched:
        patched.setattr(PartialOutput, "close", lambda _: (_ for _ in ()).throw(error))
        with pytest.raises(error):
            label(source, "out.csv", top=2)
    with pytest.raises(BundleError, match=r"contains a scoring with .*top"):
        label(source, "out.csv", resume=True)


def test_the_probability_beside_a_label_is_its_own(score, write, records, proba):
    source = write("in.csv", "text\nWe hate it\n")
    ((bad, good),) = proba(["We hate it"])
    score(source, "out.csv", threshold=good / 2)
    assert bad > good
    assert records("out.csv")[1][1:5] == ["good", f"{good:.6f}", f"{bad:.6f}", f"{good:.6f}"]


@pytest.mark.parametrize("out", ["out.csv", "out.jsonl", "out.parquet"])
def test_an_interrupted_run_is_resumed_with_the_same_thresholds_alone(
    label, write, here, monkeypatch, out
):
    source = write("in.csv", "text\n" + 40 * "cheap and fast\na lamp\n")
    label(source, f"whole-{out}", batch=8, threshold=0.3)
    written, calls = PartialOutput.write, iter(range(4))

    def write_some(kept, content):
        if next(calls, None) is None:
            raise KeyboardInterrupt
        written(kept, content)

    with monkeypatch.context() as patched:
        patched.setattr(PartialOutput, "write", write_some)
        with pytest.raises(KeyboardInterrupt):
            label(source, out, batch=8, threshold=0.3, checkpoint_seconds=0.0)
    with pytest.raises(BundleError, match=r"contains a scoring with .*thresholds"):
        label(source, out, batch=8, resume=True)
    label(source, out, batch=8, threshold=0.3, resume=True)
    if out.endswith(".parquet"):
        from pyarrow import parquet

        assert parquet.read_table(out).equals(parquet.read_table(f"whole-{out}"))
    else:
        assert (here / out).read_bytes() == (here / f"whole-{out}").read_bytes()
