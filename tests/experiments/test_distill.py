"""From texts to a file of vectors: which words, in which order, and which are left out."""

import csv
import random

import numpy as np
import pytest
from tests.conftest import RecordingProgress

import wordgate
from wordgate.errors import DataError, SettingsError, WordgateError
from wordgate.experiments.distill import distill
from wordgate.runtime.progress import Silent
from wordgate.vectors.distilling import SPREAD, SentenceTeacher

ROWS = [
    ("pos", "good lamp, good kettle"),
    ("neg", "bad lamps 🤣"),
    ("neg", "the lamp goodly"),
]


def write(file, rows=ROWS):
    with file.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("label", "text"), *rows])
    return file


@pytest.fixture
def data(tmp_path):
    return write(tmp_path / "data.csv")


@pytest.fixture
def make(data, tiny_teacher, tmp_path):
    """Distill from the tiny teacher into a file."""

    def run(source=data, name="words.bin", **options):
        given = {"teacher": tiny_teacher, "progress": Silent(), **options}
        return distill(source, out=tmp_path / name, **given)

    return run


def read(file):
    """Read word2vec's binary format, one word after another."""
    header, _, rest = file.read_bytes().partition(b"\n")
    count, size = map(int, header.split())
    words, vectors = [], []
    while rest:
        word, _, rest = rest.partition(b" ")
        words.append(word.decode())
        vectors.append(np.frombuffer(rest[: 4 * size], "<f4"))
        rest = rest[4 * size :]
    assert len(words) == count
    return words, np.stack(vectors)


def test_the_most_frequent_words_stand_first_and_the_teachers_own_last(make, tmp_path):
    made = make(write(tmp_path / "data.csv", [*ROWS, ("neg", "lamp")]))
    words, vectors = read(made.out)
    # "," and the emoji are nothing that this teacher knows
    assert words == ["lamp", "good", "bad", "goodly", "kettle", "lamps", "the"]
    assert (made.n_words, made.n_data_words, made.unknown) == (7, 7, [",", "🤣"])
    assert made.size == vectors.shape[1] == 6
    assert made.variance == pytest.approx(1.0)
    assert np.sqrt(np.square(vectors).mean()) == pytest.approx(SPREAD, rel=1e-5)


def test_words_of_the_teacher_that_the_data_lacks_are_a_choice(make, tmp_path):
    source = write(tmp_path / "data.csv", [("pos", "good lamps"), ("neg", "bad")])
    made = make(source)
    assert read(made.out)[0] == ["bad", "good", "lamps", "lamp", "kettle", "the"]
    assert (made.n_words, made.n_data_words) == (6, 3)
    made = make(source, "own.bin", teacher_words=False)
    assert read(made.out)[0] == ["bad", "good", "lamps"]
    assert (made.n_words, made.n_data_words, made.size) == (3, 3, 2)


def test_nothing_but_the_words_themselves_has_a_part(make, tmp_path):
    words = " ".join(text for _, text in ROWS).split()
    random.Random(0).shuffle(words)
    other = write(tmp_path / "other.csv", [("x", " ".join(words)), ("y", ""), ("z", "")])
    assert make().out.read_bytes() == make(other, "other.bin").out.read_bytes()


def test_several_sources_are_counted_together(make, tmp_path):
    more = write(tmp_path / "more.csv", [("pos", "kettle kettle kettle kettle")])
    make([tmp_path / "data.csv", more])
    assert read(tmp_path / "words.bin")[0][0] == "kettle"


def test_reading_options_reach_the_reading(make, tmp_path):
    options = {"drop_labels": ["neg"], "text": "text", "teacher_words": False}
    assert read(make(**options).out)[0] == ["good", "kettle", "lamp"]
    made = make(limit=1, name="limit.bin", teacher_words=False)
    assert read(made.out)[0] == ["good", "kettle", "lamp"]
    plain = tmp_path / "plain.txt"
    plain.write_text("text\ngood bad\nlamp\n")
    assert make(plain, "plain.bin", teacher_words=False).n_words == 3


def test_the_tokenizer_is_a_choice(make, tmp_path):
    source = write(tmp_path / "data.csv", [("pos", "good-lamp lamp"), ("neg", "bad")])
    assert make(source, tokenizer="keras").unknown == []
    assert make(source, "messages.bin").unknown == ["-"]
    with pytest.raises(SettingsError, match=r"^no tokenizer 'kera'; did you mean 'keras'\?$"):
        make(source, "other.bin", tokenizer="kera")


def test_a_size_may_be_asked_for(make):
    assert make(size=2).size == 2
    with pytest.raises(SettingsError, match=r"have 16 dimensions: use 1 to 16$"):
        make(size=17, overwrite=True)


def test_each_stage_is_reported(make):
    progress = RecordingProgress()
    make(progress=progress)
    words = progress.lines.index("words: 9 distinct")
    (reading, summary, *report), stages = progress.lines[:words], progress.lines[words + 1 :]
    assert summary.startswith("data.csv: 3 texts")
    assert reading.startswith("Reading ")
    assert "rows: 3 read, 3 kept" in "\n".join(report)
    assert [line.split()[0] for line in stages] == [
        *("Loading", "Distilling", "Finding", "Writing"),
    ]


def test_words_that_are_too_long_are_left_out_and_reported(make, tmp_path):
    progress = RecordingProgress()
    source = write(tmp_path / "data.csv", [("pos", "good " + "ab" * 501), ("neg", "lamp bad")])
    made = make(source, progress=progress, teacher_words=False)
    assert read(made.out)[0] == ["bad", "good", "lamp"]
    assert "left out: 1 word of more than 1,000 characters" in progress.lines


@pytest.fixture
def no_work(monkeypatch):
    """Fail if data are read or a teacher is looked for."""

    def fail(*_, **__):
        raise AssertionError("work was begun")

    monkeypatch.setattr("wordgate.experiments.distill.read_table", fail)
    monkeypatch.setattr("wordgate.experiments.distill.locate_model", fail)


@pytest.mark.usefixtures("no_work")
def test_a_destination_that_cant_be_is_refused_before_the_work(tmp_path):
    (tmp_path / "there.bin").write_text("mine")
    (tmp_path / "folder.bin").mkdir()
    for name, message in {
        "there.bin": f"{tmp_path}/there.bin exists; choose another --out, or replace it with"
        " --overwrite",
        "folder.bin": f"{tmp_path}/folder.bin is a folder; name a file",
        "no/words.bin": f"there is no folder '{tmp_path}/no' to write 'words.bin' into",
    }.items():
        with pytest.raises(DataError) as error:
            distill("data.csv", teacher="minilm", out=tmp_path / name, progress=Silent())
        assert str(error.value) == message


@pytest.mark.usefixtures("no_work")
def test_options_without_effect_and_a_missing_extra_are_refused_before_the_work(
    tmp_path, hide_packages
):
    with pytest.raises(SettingsError) as error:
        distill("data.csv", teacher="minilm", out=tmp_path / "w.bin", group="id")
    assert str(error.value) == ("group has no effect: words are taken from all rows; leave it out")
    hide_packages("sentence_transformers")
    with pytest.raises(WordgateError, match=r"pip install 'wordgate\[distill\]'$"):
        distill("data.csv", teacher="minilm", out=tmp_path / "w.bin")


def test_texts_without_words_and_no_data_are_refused(make, tmp_path):
    blank = write(tmp_path / "blank.csv", [("pos", "!"), ("neg", "?")])
    with pytest.raises(DataError, match=r"^there are no words in the texts$"):
        make(blank, text="text", tokenizer="keras")
    with pytest.raises(DataError, match=r"^there is no data: give at least one file$"):
        make([])


def test_an_interruption_leaves_the_old_file(make, tmp_path, monkeypatch):
    def interrupt(self, words):
        raise KeyboardInterrupt

    (tmp_path / "words.bin").write_text("mine")
    monkeypatch.setattr(SentenceTeacher, "outputs", interrupt)
    with pytest.raises(KeyboardInterrupt):
        make(overwrite=True)
    assert (tmp_path / "words.bin").read_text() == "mine"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["data.csv", "words.bin"]


def test_a_file_that_exists_is_replaced_on_request(make, tmp_path):
    (tmp_path / "words.bin").write_text("mine")
    assert read(make(overwrite=True).out)[0][0] == "good"


def test_it_is_public():
    assert wordgate.distill is distill
