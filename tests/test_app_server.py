"""`fmexplore app`: what it prints, what it watches, and how it ends."""

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.websocket_tab import Tab
from fmexplore.settings import PROJECT

PATIENCE = 60
SOURCE = ("fmexplore", "pages", ".streamlit", "docs/icon.png", "streamlit_app.py")
GATHERED = (".venv/lib", "runs/a", "cache/sheets")  # what a checkout has beside its source


@pytest.fixture(scope="module")
def checkout(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("app") / "checkout"
    for name in SOURCE:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (PROJECT / name).is_dir() else shutil.copy
        copy(PROJECT / name, folder / name)
    for name in GATHERED:
        (folder / name).mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def server(checkout, port):
    """Started as a user does, for the first time; without the data set, so that it measures nothing."""
    own = {"FMEXPLORE_DATA": str(checkout / "none"), "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FMEXPLORE_")} | own
    log = checkout.with_name("log")
    with open(log, "wb") as file:
        command = [sys.executable, "-m", "fmexplore", "app", "--port", str(port)]
        process = subprocess.Popen(command, cwd=checkout, env=environment, stdout=file, stderr=file)
    process.log = log
    yield process
    process.kill()
    process.wait()


async def connect(port: int) -> Tab:
    for _ in range(10 * PATIENCE):
        try:
            return await Tab(port).connect()
        except OSError:
            await asyncio.sleep(0.1)
    pytest.fail("The server did not start.")


def watched(process: subprocess.Popen) -> set[int]:
    """The inodes of the folders and files that a process watches."""
    texts = [path.read_text() for path in Path(f"/proc/{process.pid}/fdinfo").iterdir()]
    return {int(inode, 16) for text in texts for inode in re.findall(r"^inotify .*\bino:([0-9a-f]+)", text, re.M)}


@pytest.mark.skipif(not Path("/proc/self/fdinfo").exists(), reason="only Linux says what a process watches")
def test_it_watches_the_folders_of_source_files_alone_and_sees_them_change(server, checkout, port):
    async def look() -> set[int]:
        tab = await connect(port)
        await tab.open("papers")
        inodes = watched(server)
        page = checkout / "pages" / "papers.py"
        page.write_text(page.read_text(encoding="utf-8") + "\n# changed\n", encoding="utf-8")
        while not (await tab._receive()).session_event.HasField("script_changed_on_disk"):
            pass
        await tab.close()
        return inodes

    inodes = asyncio.run(look())
    source = {checkout, checkout / "pages", checkout / "fmexplore", checkout / "fmexplore" / "ui"}
    gathered = {path for path in checkout.glob("*") if path.name in (".venv", "runs", "cache")}
    gathered |= {checkout / name for name in GATHERED}
    assert {path for path in source if path.stat().st_ino not in inodes} == set()
    assert {path for path in gathered if path.stat().st_ino in inodes} == set()


async def handshake(port: int, host: str) -> int:
    """The status that a websocket gets whose page says it comes from `host`, as a browser sends it."""
    await connect(port)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    lines = [
        "GET /_stcore/stream HTTP/1.1",
        *(f"Host: {host}:{port}", f"Origin: http://{host}:{port}", "Connection: Upgrade", "Upgrade: websocket"),
        *("Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "", ""),
    ]
    writer.write("\r\n".join(lines).encode())
    status = int((await reader.readline()).split()[1])
    writer.close()
    return status


@pytest.mark.parametrize(("host", "status"), [("localhost", 101), ("[::1]", 101), ("evil.example", 403)])
def test_a_page_that_leads_its_own_name_to_this_computer_gets_no_session(server, port, host, status):
    assert asyncio.run(handshake(port, host)) == status


def test_it_says_where_it_is_warns_of_nothing_and_ends_with_ctrl_c(server, port):
    asyncio.run(connect(port))
    deadline = time.monotonic() + PATIENCE
    while f"URL: http://127.0.0.1:{port}" not in server.log.read_text():
        assert time.monotonic() < deadline, server.log.read_text()
        time.sleep(0.1)
    server.send_signal(signal.SIGINT)
    assert server.wait(PATIENCE) == 0, server.log.read_text()
    assert not re.search("warning|error|no static folder|overflow", server.log.read_text(), re.IGNORECASE)
