"""Small files are whole or not there, also on a full disk."""

import errno
import os
import threading

import pytest
from filelock import Timeout

from fmexplore.errors import RunBroken, StorageError
from fmexplore.storage import StorageLock, read_json, write_bytes, write_json


def test_what_is_written_is_read_and_folders_are_made(tmp_path):
    path = tmp_path / "a" / "b" / "file.json"
    write_json(path, {"a": [1, 2.5, None, "ä"]})
    assert read_json(path) == {"a": [1, 2.5, None, "ä"]}
    assert [file.name for file in path.parent.iterdir()] == ["file.json"]


@pytest.mark.parametrize("edge", ["fsync", "replace"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_leaves_the_old_file_and_nothing_else_and_says_what_to_do(tmp_path, monkeypatch, edge, code):
    path = tmp_path / "file.json"
    write_json(path, "old")

    def full(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, edge, full)
    with pytest.raises(StorageError, match=r"disk is full.*file\.json.*free some space.*resume"):
        write_json(path, "new")
    assert [file.name for file in tmp_path.iterdir()] == ["file.json"]
    assert read_json(path) == "old"


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="only where the kernel offers a full disk")
def test_a_disk_that_is_full_from_the_first_byte_raises_no_other_error(tmp_path, monkeypatch):
    real = open
    monkeypatch.setattr("builtins.open", lambda path, mode: real("/dev/full", mode))
    with pytest.raises(StorageError, match="disk is full"):
        write_bytes(tmp_path / "file", b"x" * 100_000)
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_named_with_the_remedy(tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(StorageError, match=r"file/x was not saved .*permissions"):
        write_bytes(tmp_path / "file" / "x", b"")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_file_is_named(tmp_path, content):
    path = tmp_path / "status.json"
    path.write_bytes(content)
    with pytest.raises(RunBroken, match=r"status\.json cannot be read"):
        read_json(path)


def test_a_missing_file_and_a_folder_in_its_place_are_named(tmp_path):
    with pytest.raises(RunBroken, match=r"config\.json is missing"):
        read_json(tmp_path / "config.json")
    with pytest.raises(RunBroken, match="cannot be read"):
        read_json(tmp_path)


def test_a_reader_never_sees_half_a_file(tmp_path):
    path, done, broken = tmp_path / "file.json", threading.Event(), []
    write_json(path, [0] * 20_000)

    def read():
        while not done.is_set():
            try:
                broken.extend(set(map(len, [read_json(path)])) - {20_000})
            except RunBroken as error:
                broken.append(error)

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(60):
        write_json(path, [number] * 20_000)
    done.set()
    reader.join()
    assert broken == []


def test_a_lock_that_cannot_be_written_says_so_and_one_that_is_taken_is_waited_for(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="check the folder's permissions"), StorageLock(tmp_path / "file" / "a.lock"):
        pass
    path = tmp_path / "new" / "b.lock"
    with StorageLock(path), pytest.raises(Timeout):
        StorageLock(path).acquire(blocking=False)
