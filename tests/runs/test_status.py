"""Statuses, requests, and whether a process still runs."""

import os
import subprocess
import sys
import time

import psutil
import pytest

from fmexplore.errors import ConfigError, RunBroken
from fmexplore.runs.status import (
    STARTING_SECONDS,
    Status,
    clear_requests,
    own_process,
    read_request,
    read_status,
    request,
    write_status,
)


def test_a_status_is_read_as_it_was_written(tmp_path):
    status = Status(state="running", arguments={"a": [1]}, owner="ann", progress=0.5, **own_process())
    assert write_status(tmp_path, status) == status
    assert read_status(tmp_path) == status


@pytest.mark.parametrize("content", ['{"state": "asleep"}', '{"pid": "x"}', '{"colour": 1}', "[]", "3"])
def test_a_foreign_status_is_refused(tmp_path, content):
    (tmp_path / "status.json").write_text(content)
    with pytest.raises(ConfigError):
        read_status(tmp_path)


def test_a_missing_status_is_broken(tmp_path):
    with pytest.raises(RunBroken, match=r"status\.json is missing"):
        read_status(tmp_path)


def test_a_process_is_alive_until_it_ends():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    import psutil

    status = Status(state="running", pid=process.pid, process_started=psutil.Process(process.pid).create_time())
    assert status.alive
    process.communicate(b"\n")
    assert not status.alive


def test_a_pid_that_another_process_has_now_is_not_alive():
    mine = Status(state="running", **own_process())
    assert mine.alive
    assert not mine.replace(process_started=mine.process_started - 100).alive
    assert not mine.replace(process_started=None).alive
    assert mine.pid == os.getpid()


def test_a_worker_that_has_just_been_started_counts_as_alive_before_it_has_written_its_pid():
    now = time.time()
    assert Status(state="running", started=now).alive
    assert not Status(state="running", started=now - STARTING_SECONDS - 1).alive
    assert not Status(state="queued", started=now).alive
    assert not Status().alive


def test_a_stop_counts_more_than_a_pause_and_requests_can_be_cleared(tmp_path):
    assert read_request(tmp_path) is None
    request(tmp_path, "PAUSE")
    assert read_request(tmp_path) == "PAUSE"
    request(tmp_path, "STOP")
    assert read_request(tmp_path) == "STOP"
    clear_requests(tmp_path)
    clear_requests(tmp_path)
    assert read_request(tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_a_process_that_ended_and_that_nobody_has_reaped_is_not_alive():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    seen = psutil.Process(process.pid)
    status = Status(state="running", pid=process.pid, process_started=seen.create_time())
    try:
        assert status.alive
        process.stdin.close()
        while seen.status() != psutil.STATUS_ZOMBIE:
            time.sleep(0.01)
        assert not status.alive
    finally:
        process.kill()
        process.wait()
