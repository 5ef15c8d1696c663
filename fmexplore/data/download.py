"""Brings the data set to where `fashion_mnist` finds it: by torchvision's download, or from Debian's package."""

import os
import shutil
import socket
import subprocess
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from fmexplore.data import fashion_mnist
from fmexplore.data.sources import locate_idx
from fmexplore.errors import DataError
from fmexplore.settings import data_folder

DEBIAN_PACKAGE = "dataset-fashion-mnist"
DOWNLOAD_BYTES = 30_878_645  # the four compressed files together
CONNECT_SECONDS = 10


def fetch(folder: Path | None = None, report: Callable[[float, str], None] = lambda _share, _text: None) -> Path:
    """Bring the data set into `folder` (default `settings.data_folder`), calling `report(share done, what happens)`.

    Tries torchvision's download, then Debian's package. Nothing is put in place before it has been checked.
    Raises DataError with both reasons when neither works.
    """
    folder = folder or data_folder()
    reasons = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary_parent = tempfile.mkdtemp(prefix=".download-", dir=folder)
    except OSError as error:
        raise DataError(f"{folder} cannot be written ({error.strerror}): check permissions and free space.") from None
    try:
        for source, bring in (("torchvision's download", _download), ("the Debian package", _unpack_debian)):
            try:
                temporary = Path(tempfile.mkdtemp(dir=temporary_parent))
                with _watch(temporary, lambda share, source=source: report(share, f"Getting the data by {source}")):
                    found = bring(temporary)
                report(1.0, "Checking the files")
                fashion_mnist.load(found)
                for name in fashion_mnist.FILES:
                    path = locate_idx(found, name)
                    assert path is not None  # load has just read it
                    shutil.move(path, folder / path.name)
                return folder
            except (OSError, RuntimeError, DataError, subprocess.SubprocessError) as error:
                reasons.append(f"{source}: {_first_line(error)}")
    finally:
        shutil.rmtree(temporary_parent, ignore_errors=True)
    raise DataError(
        f"Fashion-MNIST could not be fetched ({'; '.join(reasons)}): check the network, or {fashion_mnist.remedy()}."
    )


def _download(folder: Path) -> Path:
    from torchvision.datasets import FashionMNIST
    from torchvision.datasets.utils import download_url

    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(CONNECT_SECONDS)
    try:
        for name, md5 in FashionMNIST.resources:
            download_url(FashionMNIST.mirrors[0] + name, str(folder), name, md5)
    finally:
        socket.setdefaulttimeout(before)
    return folder


def _unpack_debian(folder: Path) -> Path:
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise DataError("only on Debian and Ubuntu")

    def run(*command: str) -> None:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=300)

    try:
        run("apt-get", "download", DEBIAN_PACKAGE)
    except subprocess.CalledProcessError:
        if not hasattr(os, "geteuid") or os.geteuid() != 0:
            raise
        run("apt-get", "update")  # a new container has no package lists
        run("apt-get", "download", DEBIAN_PACKAGE)
    package = next(folder.glob("*.deb"))
    run("dpkg-deb", "-x", package.name, "unpacked")
    return folder / "unpacked" / fashion_mnist.DEBIAN_FOLDER.relative_to("/")


class _watch:
    """Reports the share of the download that has arrived in a folder, three times a second."""

    def __init__(self, folder: Path, report: Callable[[float], None]) -> None:
        self.folder, self.report, self.done = folder, report, threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        self.thread.start()

    def __exit__(self, *_: object) -> None:
        self.done.set()
        self.thread.join()

    def _run(self) -> None:
        while not self.done.wait(0.3):
            arrived = sum(path.stat().st_size for path in list(self.folder.glob("*.*")) if path.is_file())
            self.report(min(arrived / DOWNLOAD_BYTES, 1.0))


def _first_line(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        lines = [line for line in (error.stderr or "").splitlines() if line.startswith("E:")]
        return lines[0] if lines else f"{error.cmd[0]} ended with {error.returncode}"
    return (str(error).splitlines() or [type(error).__name__])[0]
