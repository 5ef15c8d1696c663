"""Bringing the data set: the two sources are the outside world, and replaced."""

import errno
import gzip
import shutil
import tempfile
from pathlib import Path

import pytest

from fmexplore import settings
from fmexplore.data import download, fashion_mnist
from fmexplore.errors import DataError

TRAIN_LABELS = "train-labels-idx1-ubyte"


@pytest.fixture
def target(tmp_path):
    return tmp_path / "target"


def source(monkeypatch, name: str, bring) -> None:
    monkeypatch.setattr(download, name, bring)


def copy_of(folder: Path):
    return lambda temporary: Path(shutil.copytree(folder, temporary / "found"))


def fail(error: Exception):
    def bring(_folder: Path) -> Path:
        raise error

    return bring


def test_the_first_source_that_works_is_used(drawn_folder, target, monkeypatch):
    source(monkeypatch, "_download", copy_of(drawn_folder))
    source(monkeypatch, "_unpack_debian", fail(AssertionError("must not be asked")))
    reports: list[tuple[float, str]] = []
    assert download.fetch(target, lambda share, text: reports.append((share, text))) == target
    assert sorted(path.name for path in target.iterdir()) == sorted(f"{name}.gz" for name in fashion_mnist.FILES)
    fashion_mnist.load(target)
    assert reports[-1] == (1.0, "Checking the files")


def test_when_the_download_fails_debians_package_is_used(drawn_folder, target, monkeypatch):
    source(monkeypatch, "_download", fail(OSError("no network")))
    source(monkeypatch, "_unpack_debian", copy_of(drawn_folder))
    assert download.fetch(target) == target
    fashion_mnist.load(target)


def test_when_both_sources_fail_both_reasons_are_named_and_nothing_is_left(drawn_folder, target, monkeypatch):
    def half_a_download(temporary: Path) -> Path:
        (temporary / "train-images-idx3-ubyte.gz").write_bytes(b"half")
        raise OSError("connection lost")

    source(monkeypatch, "_download", half_a_download)
    source(monkeypatch, "_unpack_debian", fail(DataError("only on Debian and Ubuntu")))
    with pytest.raises(DataError) as caught:
        download.fetch(target)
    assert "torchvision's download: connection lost; the Debian package: only on Debian" in str(caught.value)
    assert "zalandoresearch" in str(caught.value)
    assert list(target.iterdir()) == []


def test_a_fetched_file_that_is_broken_is_not_put_in_place(drawn_folder, target, monkeypatch):
    broken = target.parent / "broken"
    shutil.copytree(drawn_folder, broken)
    path = broken / f"{TRAIN_LABELS}.gz"
    raw = bytearray(gzip.decompress(path.read_bytes()))
    raw[100] = 46
    path.write_bytes(gzip.compress(raw))
    source(monkeypatch, "_download", copy_of(broken))
    source(monkeypatch, "_unpack_debian", fail(DataError("only on Debian and Ubuntu")))
    with pytest.raises(DataError, match="has the label 46"):
        download.fetch(target)
    assert list(target.iterdir()) == []
    source(monkeypatch, "_unpack_debian", copy_of(drawn_folder))
    fashion_mnist.load(download.fetch(target))


def test_a_fetch_replaces_a_broken_file(drawn_folder, target, monkeypatch):
    target.mkdir()
    (target / f"{TRAIN_LABELS}.gz").write_bytes(b"half")
    source(monkeypatch, "_download", copy_of(drawn_folder))
    fashion_mnist.load(download.fetch(target))


def test_a_download_without_its_package_falls_back_with_a_reason(drawn_folder, target, monkeypatch):
    source(monkeypatch, "_download", fail(OSError("no network")))
    source(monkeypatch, "_unpack_debian", lambda temporary: temporary)
    with pytest.raises(DataError, match=r"the Debian package: .*is missing"):
        download.fetch(target)


def test_a_fetch_goes_to_the_chosen_folder(drawn_folder, target, monkeypatch):
    source(monkeypatch, "_download", copy_of(drawn_folder))
    monkeypatch.setenv("FMEXPLORE_DATA", str(target))
    assert download.fetch() == target


def test_a_folder_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"file.sub cannot be written \(Not a directory\)"):
        download.fetch(tmp_path / "file" / "sub")


def test_data_that_had_to_be_fetched_into_the_temporary_folder_is_found(drawn_folder, tmp_path, monkeypatch):
    monkeypatch.delenv("FMEXPLORE_DATA")
    monkeypatch.setattr(fashion_mnist, "PROJECT", tmp_path / "project")
    monkeypatch.setattr(settings, "PROJECT", tmp_path / "cannot be written")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    source(monkeypatch, "_download", copy_of(drawn_folder))
    fetched = download.fetch()
    assert fetched.is_relative_to(tmp_path)
    assert fetched == fashion_mnist.find_folder() == settings.default_home() / "data"


def test_a_disk_that_is_full_at_once_is_told(target, monkeypatch):
    real, made = tempfile.mkdtemp, []

    def mkdtemp(*arguments, **options) -> str:
        if made:
            raise OSError(errno.ENOSPC, "No space left on device")
        made.append(real(*arguments, **options))
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", mkdtemp)
    with pytest.raises(DataError, match="No space left on device"):
        download.fetch(target)
    assert list(target.iterdir()) == []
