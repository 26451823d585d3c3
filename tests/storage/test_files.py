"""Writing files and folders, and what remains of the old ones."""

import errno
import os
import stat
from pathlib import Path

import pytest

from wordgate.errors import BundleError, DataError
from wordgate.scoring.partial_output import destination
from wordgate.storage.files import (
    atomic_write,
    check_file,
    check_folder,
    exclusive,
    expand_home,
    user_folder,
    write_folder,
)


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def replace(file, content=b"new"):
    """Replace a file; give the permissions it had until it was whole."""
    with atomic_write(file) as aside:
        aside.write_bytes(content)
        return mode(aside)


def names(folder):
    return sorted(entry.name for entry in folder.iterdir())


@pytest.mark.parametrize("permissions", [0o600, 0o640, 0o444])
def test_a_file_that_is_replaced_leaves_its_permissions(tmp_path, permissions):
    file = tmp_path / "out.csv"
    file.write_bytes(b"old")
    file.chmod(permissions)
    assert replace(file) == 0o600  # while it is written, nobody else reads it
    assert (file.read_bytes(), mode(file)) == (b"new", permissions)


def test_a_new_file_has_the_permissions_of_any_other(tmp_path):
    (tmp_path / "any").write_bytes(b"")
    replace(tmp_path / "out.csv")
    assert mode(tmp_path / "out.csv") == mode(tmp_path / "any")


def test_a_link_stays_and_its_target_is_replaced(tmp_path):
    there = tmp_path / "there"
    there.mkdir()
    link, chain = tmp_path / "link", tmp_path / "chain"
    link.symlink_to("there/file")
    chain.symlink_to("link")
    for out in (link, chain):  # the first leads nowhere yet
        replace(out, out.name.encode())
        assert (there / "file").read_bytes() == out.name.encode()
    assert link.is_symlink()
    assert chain.is_symlink()
    assert (names(there), names(tmp_path)) == (["file"], ["chain", "link", "there"])


def test_a_folder_behind_a_link_is_replaced(tmp_path):
    (tmp_path / "first").mkdir()
    (tmp_path / "first" / "a").write_bytes(b"old")
    (tmp_path / "latest").symlink_to("first")
    check_folder(tmp_path / "latest", "model", overwrite=True, check_replaceable=lambda _: None)
    write_folder(tmp_path / "latest", "model", {"b": b"new"})
    assert (tmp_path / "latest").is_symlink()
    assert names(tmp_path / "first") == ["b"]
    assert names(tmp_path) == ["first", "latest"]


def test_an_unwritable_output_is_refused_before_the_work(tmp_path):
    def refusal(path):
        with pytest.raises(DataError) as refused:
            check_file(path, overwrite=True)
        return str(refused.value)

    long, pipe, astray = tmp_path / ("a" * 252), tmp_path / "pipe", tmp_path / "astray"
    assert refusal(long) == f"{long} cannot be written: File name too long"
    os.mkfifo(pipe)
    assert refusal(pipe) == f"{pipe} is not a file; choose another --out"
    astray.symlink_to("nowhere/file")
    assert refusal(astray).startswith("there is no folder ")
    assert names(tmp_path) == ["astray", "pipe"]
    check_file(tmp_path / "out.csv", overwrite=False)
    assert names(tmp_path) == ["astray", "pipe"]


@pytest.mark.skipif(not os.path.ismount("/dev"), reason="needs a mount point")
def test_a_mount_point_is_refused_before_the_work(tmp_path):
    kinds = {"overwrite": True, "check_replaceable": lambda path: None}
    refused = r"^/dev is a mount point, which cannot be replaced; name a path inside a mount$"
    with pytest.raises(BundleError, match=refused):
        check_folder(Path("/dev"), "model", **kinds)
    link = tmp_path / "link"
    link.symlink_to("/dev")
    with pytest.raises(BundleError, match=refused):
        check_folder(link, "model", **kinds)
    check_folder(tmp_path / "model", "model", **kinds)


@pytest.mark.parametrize("command", ["export", "score"])
def test_a_mounted_file_is_refused_before_the_work(monkeypatch, tmp_path, command):
    file = tmp_path / "mounted"
    file.touch()
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path) == file)
    with pytest.raises((BundleError, DataError), match="mounted is a mount point"):
        check_file(file, overwrite=True) if command == "export" else destination(str(file))


def test_a_lock_that_cannot_be_made_is_refused_and_one_that_is_unknown_is_done_without(
    tmp_path, monkeypatch
):
    def lock(name):
        with exclusive(tmp_path / name, "it"):
            return "done"

    with pytest.raises(BundleError, match=r"/none/lock cannot be opened: No such file"):
        lock("none/lock")
    for number, answer in ((errno.ENOLCK, "done"), (errno.EIO, None)):

        def flock(*_, number=number):
            raise OSError(number, os.strerror(number))

        monkeypatch.setattr("fcntl.flock", flock)
        if answer is None:
            with pytest.raises(BundleError, match=r"/lock cannot be locked: Input/output error$"):
                lock("lock")
        else:
            assert lock("lock") == answer


def test_a_user_without_a_home_keeps_tildes_and_is_asked_for_a_folder(monkeypatch, tmp_path):
    users = pytest.importorskip("pwd")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(users, "getpwuid", lambda number: users.getpwnam("no such user"))
    assert expand_home("~/m") == tmp_path / "m"
    assert expand_home("~no such user/m") == Path("~no such user/m")
    monkeypatch.delenv("HOME")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    assert expand_home("~/m") == Path("~/m")
    assert user_folder("data") == tmp_path / "wordgate"
    with pytest.raises(DataError, match=r"^the state folder of this user is unknown: set HOME or"):
        user_folder("state")
