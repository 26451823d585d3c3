"""Addresses: what they are, errors when they cannot be opened, and no secrets in messages."""

import sys
from pathlib import Path

import pytest

from wordgate.errors import DataError, MissingExtraError
from wordgate.storage import remote
from wordgate.storage.places import place_of
from wordgate.storage.remote import RemoteFile

pytestmark = pytest.mark.needs("fsspec")


@pytest.fixture
def fsspec():
    import fsspec.implementations.memory

    return fsspec


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("s3://bucket/a.csv", RemoteFile("s3://bucket/a.csv")),
        (Path("s3://bucket/a.csv"), RemoteFile("s3://bucket/a.csv")),
        ("file:///tmp/a%20b.csv", Path("/tmp/a b.csv")),
        ("file://localhost/tmp/a.csv", Path("/tmp/a.csv")),
        ("C:/a.csv", Path("C:/a.csv")),
        ("a:b.csv", Path("a:b.csv")),
        ("dir/a.csv", Path("dir/a.csv")),
    ],
)
def test_an_address_is_distinguished_from_a_path(name, place):
    assert place_of(name) == place


def refusal(url):
    with pytest.raises(DataError) as raised:
        RemoteFile(url).open()
    return str(raised.value)


@pytest.mark.parametrize(
    ("scheme", "package"),
    [("s3", "s3fs"), ("gs", "gcsfs"), ("az", "adlfs"), ("hf", "huggingface_hub"),
     ("https", "aiohttp")],
)  # fmt: skip
def test_a_missing_driver_is_named(fsspec, monkeypatch, scheme, package):
    def lacking(url):
        raise ImportError("no driver")

    monkeypatch.setattr(fsspec.core, "url_to_fs", lacking)
    assert refusal(f"{scheme}://me:secret@place/a.csv?key=secret") == (
        f"opening '{scheme}://place/a.csv' needs the package {package}: pip install {package}"
    )


def test_without_the_extra_it_is_named(monkeypatch, hide_packages):
    hide_packages("fsspec")
    with pytest.raises(
        MissingExtraError, match=r"^opening 's3://b/a\.csv' needs the extra 'files'"
    ):
        RemoteFile("s3://b/a.csv").open()


def test_an_unknown_scheme_is_refused():
    assert refusal("s33://b/a.csv").startswith(
        "'s33://b/a.csv' is a URL of an unknown scheme 's33'; did you mean 's3'?"
    )


def test_errors_of_the_server_are_reported_without_secrets(fsspec, monkeypatch):
    url = "memory://me:secret@place/a.csv?sig=secret"

    def failing(self, path, *_, **__):
        raise PermissionError(f"403 for {url}\n  at line 1")

    monkeypatch.setattr(fsspec.implementations.memory.MemoryFileSystem, "_open", failing)
    assert refusal(url) == (
        "cannot read 'memory://place/a.csv': PermissionError: 403 for memory://place/a.csv at"
        " line 1"
    )


def test_a_missing_file_is_named_and_a_web_address_is_not_written_to():
    assert refusal("memory://none/a.csv") == "no file 'memory://none/a.csv'"
    with pytest.raises(DataError, match=r"^'https://x\.org/a' is a web URL, which can only be"):
        RemoteFile("https://u:p@x.org/a").check_writable()


@pytest.mark.parametrize(
    ("cause", "message"),
    [
        (FileNotFoundError("x"), "no file 'https://x.org/a.csv'"),
        (ConnectionError("x"), "cannot read 'https://x.org/a.csv': ConnectionError: x"),
    ],
)
def test_a_server_that_cannot_be_reached_is_no_missing_file(monkeypatch, cause, message):
    class Failing:
        def invalidate_cache(self):
            pass

        def info(self, path):
            raise FileNotFoundError(path) from cause

    monkeypatch.setattr(remote, "_filesystem", lambda url: (Failing(), url))
    with pytest.raises(DataError) as raised:
        _ = RemoteFile("https://me:secret@x.org/a.csv").size
    assert str(raised.value) == message


def test_a_version_changes_with_the_content(fsspec):
    file = RemoteFile("memory://versions/a.csv")
    file.write(b"a")
    before = file.version()
    assert file.version() == before
    file.write(b"b")
    assert file.version() != before
    assert (file.read(), file.size, file.exists()) == (b"b", 1, True)
    file.remove()
    file.remove()
    assert (file.read(), file.exists()) == (None, False)


def test_an_upload_that_breaks_off_leaves_the_old_file(fsspec, tmp_path, monkeypatch):
    file, local = RemoteFile("memory://broken/a.csv"), tmp_path / "a.csv"
    file.write(b"old")
    local.write_bytes(b"new")

    def breaking(self, local, path, **_):
        self.pipe_file(path, b"n")
        raise OSError("gone")

    monkeypatch.setattr(fsspec.implementations.memory.MemoryFileSystem, "put_file", breaking)
    with pytest.raises(DataError, match=r"^cannot write 'memory://broken/a\.csv': OSError: gone$"):
        file.upload(local)
    assert file.read() == b"old"
    assert local.exists()


def test_the_only_module_that_knows_fsspec_is_not_imported_for_local_files(tmp_path):
    import subprocess

    (tmp_path / "a.csv").write_text("text,label\na,b\n")
    code = (
        "import sys; from wordgate.tables import open_source; open_source('a.csv');"
        " assert 'fsspec' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
