"""The named data set: the user's folder first, then kagglehub, else exact instructions."""

import gzip
import sys
import types

import pytest

from wordgate.data import read_table
from wordgate.errors import DataError, MissingExtraError

NAME = "twitter-entity-sentiment"
SLUG = "jp797498e/twitter-entity-sentiment-analysis"
TWEETS = "1,Acme,Positive,I like it\n1,Acme,Positive,I do like it\n2,Acme,Negative,oh no\n"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("WORDGATE_DATA_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def stand_in(monkeypatch, download):
    """Put a local module in kagglehub's place; ``dataset_download`` has its signature."""
    module = types.ModuleType("kagglehub")
    module.dataset_download = download
    monkeypatch.setitem(sys.modules, "kagglehub", module)


def test_it_comes_through_kagglehub_with_its_known_columns(monkeypatch, tmp_path):
    asked = []

    def download(handle, path=None, *, force_download=False):
        asked.append((handle, path))
        (tmp_path / path).write_text(TWEETS)
        return str(tmp_path / path)

    stand_in(monkeypatch, download)
    table = read_table(NAME)
    assert asked == [(SLUG, "twitter_training.csv")]
    assert (len(table), table.groups) == (3, ["1", "1", "2"])
    assert table.labels == ["Positive", "Positive", "Negative"]
    assert table.reading.header is False
    assert {choice.reason for choice in table.reading.columns} == {"known for this data set"}
    assert table.reading.source.startswith(f"{NAME} (")


def test_flags_beat_what_is_known_of_it(home):
    (home / NAME).mkdir(parents=True)
    (home / NAME / "twitter_training.csv").write_text(TWEETS.replace("2,Acme", "2,Bolt"))
    table = read_table(NAME, label=2, group="none")
    assert (table.labels, table.groups) == (["Acme", "Acme", "Bolt"], None)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_the_users_own_copy_comes_first(monkeypatch, home, suffix):
    def download(handle, path=None):
        raise AssertionError("kagglehub was asked")

    stand_in(monkeypatch, download)
    (home / NAME).mkdir(parents=True)
    raw = gzip.compress(TWEETS.encode()) if suffix else TWEETS.encode()
    (home / NAME / f"twitter_training.csv{suffix}").write_bytes(raw)
    assert len(read_table(NAME)) == 3


def test_without_network_the_message_names_what_to_fetch_and_where_to_put_it(monkeypatch, home):
    def download(handle, path=None):
        raise ConnectionError("no route to host\nmore of it")

    stand_in(monkeypatch, download)
    with pytest.raises(DataError) as error:
        read_table(NAME)
    place = home / NAME / "twitter_training.csv"
    assert str(error.value) == (
        f"cannot fetch '{NAME}' (ConnectionError: no route to host more of it). Download the file "
        f"twitter_training.csv of the Kaggle data set {SLUG} in a browser and put it at "
        f"'{place}', or give its path as DATA."
    )


def test_without_kagglehub_the_message_has_the_line_that_installs_it(monkeypatch, home):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(MissingExtraError) as error:
        read_table(NAME)
    assert str(error.value) == (
        f"fetching '{NAME}' (the file twitter_training.csv of the Kaggle data set {SLUG}; it can "
        f"also be put at '{home / NAME / 'twitter_training.csv'}', or its path given as DATA) "
        "needs the extra 'kaggle': pip install 'wordgate[kaggle]'"
    )


def test_without_the_variable_it_lies_in_the_users_data_folder(monkeypatch, tmp_path):
    monkeypatch.delenv("WORDGATE_DATA_HOME")
    monkeypatch.setattr("platformdirs.user_data_dir", lambda name: str(tmp_path / "data" / name))
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(MissingExtraError, match="data/wordgate/twitter-entity-sentiment"):
        read_table(NAME)


def test_an_unknown_name_has_a_suggestion_among_sets_and_files(tmp_path, message):
    (tmp_path / "tweets").write_text(TWEETS)
    assert message("twiter-entity-sentiment") == (
        f"no file or named data set 'twiter-entity-sentiment'; did you mean '{NAME}'?"
    )
    with pytest.raises(DataError, match=r"^no file 'tweet'; did you mean 'tweets'\?$"):
        read_table("tweet")
    with pytest.raises(DataError, match=f"data set 'zzz'; available: {NAME}$"):
        read_table("zzz")
