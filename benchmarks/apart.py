"""Measurements in processes of their own, and how much of the machine others took meanwhile."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


class Watch:
    """Seconds since it was made, and how many cores other processes took meanwhile (0 where there is no /proc)."""

    def __init__(self) -> None:
        self.started, self.busy, self.own = time.perf_counter(), self._busy(), sum(os.times()[:2])

    def result(self, images: int) -> dict:
        seconds = time.perf_counter() - self.started
        others = (self._busy() - self.busy - sum(os.times()[:2]) + self.own) / seconds
        return {"images_per_second": images / seconds, "others": max(0.0, others) if self.busy else 0.0}

    def _busy(self) -> float:
        try:
            fields = [int(field) for field in Path("/proc/stat").read_text().split("\n")[0].split()[1:9]]
        except OSError:
            return 0.0
        return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")  # all but idle and iowait


def run_apart(script: str, *arguments: str, python: str = sys.executable) -> dict:
    """What a module in this folder prints last, as JSON; ends this process where it fails."""
    command = [python, "-m", f"benchmarks.{script}", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{script} {' '.join(arguments)} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])
