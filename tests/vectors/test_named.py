"""Word vectors by name: a file, the user's folder, then kagglehub, else instructions."""

import sys

import pytest
from tests.conftest import RecordingProgress

from wordgate.errors import DataError, MissingExtraError
from wordgate.vectors.pretrained import NAMED_VECTORS, locate_vectors

SLUG = "leadbest/googlenewsvectorsnegative300"
FILE = "GoogleNews-vectors-negative300.bin"


pytestmark = pytest.mark.usefixtures("data_home")


def refuse_to_download(handle, path=None):
    raise AssertionError("kagglehub was asked")


@pytest.mark.parametrize("folder", [False, True])
def test_they_come_through_kagglehub_after_a_report_of_their_size(fake_kagglehub, tmp_path, folder):
    asked, progress = [], RecordingProgress()

    def download(handle, path=None, *, force_download=False):
        asked.append((handle, path, list(progress.lines)))
        (tmp_path / path).write_bytes(b"1 1\n")
        return str(tmp_path if folder else tmp_path / path)

    fake_kagglehub(download)
    assert locate_vectors("googlenews", progress) == tmp_path / FILE
    remark = (
        f"googlenews: 3.6 GB are downloaded with kagglehub ({FILE} of the Kaggle data set"
        f" {SLUG}), unless they are in its cache"
    )
    assert asked == [(SLUG, FILE, [remark])]


@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_the_users_own_copy_comes_first(fake_kagglehub, data_home, suffix):
    fake_kagglehub(refuse_to_download)
    place = data_home / "googlenews" / f"{FILE}{suffix}"
    place.parent.mkdir(parents=True)
    place.write_bytes(b"1 1\n")
    assert locate_vectors("googlenews") == place


def test_a_file_wins_over_a_name_and_a_folder_does_not(fake_kagglehub, tmp_path):
    asked = []

    def download(handle, path=None):
        asked.append(path)
        return str(tmp_path / path)

    fake_kagglehub(download)
    (tmp_path / "googlenews").write_bytes(b"1 1\n")
    (tmp_path / "glove").mkdir()
    assert str(locate_vectors("googlenews")) == "googlenews"
    assert locate_vectors(tmp_path / "googlenews") == tmp_path / "googlenews"
    assert locate_vectors("glove") == tmp_path / "glove.840B.300d.txt"
    assert asked == ["glove.840B.300d.txt"]


def test_without_network_the_message_names_what_to_fetch_and_where_to_put_it(
    fake_kagglehub, data_home
):
    def download(handle, path=None):
        raise ConnectionError("no route to host\nmore of it")

    fake_kagglehub(download)
    with pytest.raises(DataError) as error:
        locate_vectors("googlenews")
    assert str(error.value) == (
        "cannot fetch 'googlenews' (ConnectionError: no route to host more of it). Download the"
        f" file {FILE} of the Kaggle data set {SLUG} in a browser and put it at"
        f" '{data_home / 'googlenews' / FILE}', or give its path as --vectors."
    )


def test_without_kagglehub_the_message_has_the_line_that_installs_it(monkeypatch, data_home):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    progress = RecordingProgress()
    with pytest.raises(MissingExtraError) as error:
        locate_vectors("googlenews", progress)
    assert str(error.value) == (
        f"fetching 'googlenews' (the file {FILE} of the Kaggle data set {SLUG}; it can also be put"
        f" at '{data_home / 'googlenews' / FILE}', or its path given as --vectors) needs the extra"
        " 'kaggle': pip install 'wordgate[kaggle]'"
    )
    assert progress.lines == []


NOT_THERE = {
    "gogglenews": "no file or word vectors 'gogglenews'; did you mean 'googlenews'?",
    "zzz": "no file or word vectors 'zzz'; available: googlenews, glove, glove-twitter, fasttext",
    "mine.ben": "no file 'mine.ben'; did you mean 'mine.bin'?",
    "sub/mine.bin": "no file 'sub/mine.bin': there is no folder 'sub'",
    "folder": "'folder' is a folder; give the file of word vectors in it",
    " ": "the name of the word vectors is empty: give a file or one of googlenews, glove,"
    " glove-twitter, fasttext",
    "nul\0": "no file or word vectors 'nul\0'; available: googlenews, glove, glove-twitter,"
    " fasttext",
}


@pytest.mark.parametrize("name", NOT_THERE)
def test_a_missing_model_is_named(tmp_path, name):
    (tmp_path / "mine.bin").write_bytes(b"1 1\n")
    (tmp_path / "folder").mkdir()
    with pytest.raises(DataError) as error:
        locate_vectors(name)
    assert str(error.value) == NOT_THERE[name]


def test_every_name_is_one_file_of_one_data_set():
    for name, named in NAMED_VECTORS.items():
        assert named.name == name
        assert len(named.kaggle.split("/")) == 2
        assert "/" not in named.file
