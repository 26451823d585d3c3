"""Inputs and outputs at addresses: in memory, and in S3 as a local server has it."""

import sys
from importlib.util import find_spec

import pytest

import wordgate
from wordgate.errors import BundleError, DataError
from wordgate.runtime.progress import Silent
from wordgate.storage.remote import RemoteFile

pytestmark = pytest.mark.needs("fsspec")
_S3 = ("s3fs", "moto", "flask", "flask_cors")


@pytest.fixture(scope="module")
def s3():
    """A bucket of a local server of S3."""
    missing = [package for package in _S3 if find_spec(package) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}: pip install s3fs 'moto[s3]' flask flask-cors")
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(port=0)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        patched.setenv("AWS_ACCESS_KEY_ID", "key")
        patched.setenv("AWS_SECRET_ACCESS_KEY", "a secret")
        patched.setenv("AWS_DEFAULT_REGION", "us-east-1")
        import s3fs

        s3fs.S3FileSystem().mkdir("bucket")
        yield "s3://bucket"
    server.stop()


@pytest.fixture
def hugging_face(monkeypatch):
    """A stand-in of the Hugging Face Hub: a memory of another scheme."""
    from fsspec.implementations.memory import MemoryFileSystem

    class StandIn(MemoryFileSystem):
        protocol = "hf"

        @classmethod
        def _strip_protocol(cls, path):
            return super()._strip_protocol(path.removeprefix("hf://"))

    monkeypatch.setitem(sys.modules["fsspec.registry"]._registry, "hf", StandIn)
    return "hf://datasets"


@pytest.fixture(params=["memory", "hf", "s3"])
def place(request, tmp_path, monkeypatch):
    """An address to read from and write to."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    if request.param != "memory":
        named = {"s3": "s3", "hf": "hugging_face"}[request.param]
        return f"{request.getfixturevalue(named)}/{tmp_path.name}"
    return f"memory://{tmp_path.name}"


@pytest.fixture
def put(place):
    """Write a file there, and give its address."""

    def put(name, content):
        RemoteFile(f"{place}/{name}").write(content)
        return f"{place}/{name}"

    return put


def rows(n):
    return "id,text\n" + "".join(f"{i},We {'love' if i % 3 else 'hate'} it\n" for i in range(n))


def test_one_file_is_scored_as_a_local_one_is(score, write, here, place, put):
    write("in.csv", rows(300))
    score("in.csv", "out.csv", batch=20)
    there = put("in.csv", rows(300).encode())
    scored = score(there, f"{place}/out.csv", batch=20)
    assert scored.rows == 300
    assert RemoteFile(f"{place}/out.csv").read() == (here / "out.csv").read_bytes()
    with pytest.raises(BundleError, match=r"/out\.csv exists; choose another file, or replace it"):
        score(there, f"{place}/out.csv")
    assert score(there, f"{place}/out.csv", resume=True).was_complete
    score(there, f"{place}/out.csv.gz", to="jsonl")
    again = score(f"{place}/out.csv.gz", "again.parquet", batch=20)
    assert again.rows == 300
    RemoteFile(f"{place}/in.parquet").upload(here / "again.parquet")
    score(f"{place}/in.parquet", f"{place}/out.parquet")
    assert RemoteFile(f"{place}/out.parquet").exists()
    assert not list((here / "state").rglob("*.csv"))


def test_a_run_that_was_interrupted_or_not_uploaded_is_resumed(
    score, write, here, place, put, monkeypatch
):
    there, out = put("in.csv", rows(100).encode()), f"{place}/out.csv"
    write("in.csv", rows(100))
    score("in.csv", "out.csv")
    with monkeypatch.context() as patched:
        patched.setattr(RemoteFile, "upload", failing)
        with pytest.raises(BundleError, match=r"^gone\. The result is kept: upload it by the same"):
            score(there, out)
    assert not RemoteFile(out).exists()
    with pytest.raises(BundleError, match=r"/out\.csv was interrupted: continue it with --resume"):
        score(there, out)
    score(there, out, resume=True)
    assert RemoteFile(out).read() == (here / "out.csv").read_bytes()
    assert not [path for path in (here / "state").rglob("*") if path.is_file()]


def failing(*_):
    raise DataError("gone")


def test_a_folder_is_scored_and_resumed(score, write, here, place, put, monkeypatch):
    (here / "in" / "sub").mkdir(parents=True)
    for number, name in enumerate(["a.csv", "b.csv", "sub/c.csv", "_SUCCESS"]):
        put(f"in/{name}", rows(20 + number).encode())
        write(f"in/{name}", rows(20 + number))
    score("in", "out")
    uploaded = RemoteFile.upload

    def once(file, local):
        (failing if file.url.endswith("b.csv") else uploaded)(file, local)

    with monkeypatch.context() as patched:
        patched.setattr(RemoteFile, "upload", once)
        with pytest.raises(BundleError, match=r"^gone$"):
            score(f"{place}/in/", f"{place}/out")
    assert sorted(file for file in RemoteFile(f"{place}/out").files() if file[0] != ".") == [
        "a.csv"
    ]
    scored = score(f"{place}/in/**/*.csv", f"{place}/out", resume=True)
    assert [shard.was_complete for shard in scored.shards] == [True, True, False]
    written = RemoteFile(f"{place}/out").files()
    assert sorted(written) == ["_manifest.json", "a.csv", "b.csv", "sub/c.csv"]
    for name in written.keys() - {"_manifest.json"}:
        assert RemoteFile(f"{place}/out/{name}").read() == (here / "out" / name).read_bytes()
    assert score(f"{place}/in", f"{place}/out", resume=True).was_complete
    put("in/b.csv", rows(5).encode())
    assert score(f"{place}/in", f"{place}/out", resume=True).rows == 20 + 5 + 22
    assert score(f"{place}/in", "local").rows == 47
    score("local", f"{place}/out", overwrite=True)
    assert sorted(RemoteFile(f"{place}/out").files()) == sorted(written)


def test_data_is_read_wherever_data_is_read(reviews, count_model, put):
    there = put("reviews.csv", reviews.read_bytes())
    here = wordgate.evaluate(count_model.folder, reviews, progress=Silent())
    assert wordgate.evaluate(count_model.folder, there, progress=Silent()).scores == here.scores
    table = wordgate.read_table(there)
    assert table.texts == wordgate.read_table(reviews).texts
    assert table.reading.source == there
