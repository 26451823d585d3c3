"""The named data set: the user's folder first, then kagglehub, else exact instructions."""

import gzip
import sys

import pytest

from wordgate.data import read_table
from wordgate.errors import DataError, MissingExtraError

NAME = "twitter-entity-sentiment"
SLUG = "jp797498e/twitter-entity-sentiment-analysis"
TWEETS = "1,Acme,Positive,I like it\n1,Acme,Positive,I do like it\n2,Acme,Negative,oh no\n"


pytestmark = pytest.mark.usefixtures("data_home")


def test_it_comes_through_kagglehub_with_its_known_columns(fake_kagglehub, tmp_path):
    asked = []

    def download(handle, path=None, *, force_download=False):
        asked.append((handle, path))
        (tmp_path / path).write_text(TWEETS)
        return str(tmp_path / path)

    fake_kagglehub(download)
    table = read_table(NAME)
    assert asked == [(SLUG, "twitter_training.csv")]
    assert (len(table), table.groups) == (3, ["1", "1", "2"])
    assert table.labels == ["Positive", "Positive", "Negative"]
    assert table.reading.header is False
    assert {choice.reason for choice in table.reading.columns} == {"known for this data set"}
    assert table.reading.source.startswith(f"{NAME} (")


def test_flags_beat_what_is_known_of_it(data_home):
    (data_home / NAME).mkdir(parents=True)
    (data_home / NAME / "twitter_training.csv").write_text(TWEETS.replace("2,Acme", "2,Bolt"))
    table = read_table(NAME, label=2, group="none")
    assert (table.labels, table.groups) == (["Acme", "Acme", "Bolt"], None)


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_the_users_own_copy_comes_first(fake_kagglehub, data_home, suffix):
    def download(handle, path=None):
        raise AssertionError("kagglehub was asked")

    fake_kagglehub(download)
    (data_home / NAME).mkdir(parents=True)
    raw = gzip.compress(TWEETS.encode()) if suffix else TWEETS.encode()
    (data_home / NAME / f"twitter_training.csv{suffix}").write_bytes(raw)
    assert len(read_table(NAME)) == 3


def test_without_network_the_message_names_what_to_fetch_and_where_to_put_it(
    fake_kagglehub, data_home
):
    def download(handle, path=None):
        raise ConnectionError("no route to host\nmore of it")

    fake_kagglehub(download)
    with pytest.raises(DataError) as error:
        read_table(NAME)
    place = data_home / NAME / "twitter_training.csv"
    assert str(error.value) == (
        f"cannot fetch '{NAME}' (ConnectionError: no route to host more of it). Download the file "
        f"twitter_training.csv of the Kaggle data set {SLUG} in a browser and put it at "
        f"'{place}', or give its path as DATA."
    )


def test_without_kagglehub_the_message_has_the_line_that_installs_it(monkeypatch, data_home):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(MissingExtraError) as error:
        read_table(NAME)
    assert str(error.value) == (
        f"fetching '{NAME}' (the file twitter_training.csv of the Kaggle data set {SLUG}; it can "
        f"also be put at '{data_home / NAME}/twitter_training.csv', or its path given as DATA) "
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
