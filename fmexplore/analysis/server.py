"""The process behind an Analyst: it answers one quick and one long question at a time.

So a quick one never waits behind a long one. It ends with the server, and when nobody has asked for a while.
"""

import os
import pickle
import sys
import threading
import time
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import IO, Any

from fmexplore.analysis import images as image_analysis
from fmexplore.analysis import maps as map_analysis
from fmexplore.analysis import photos as photo_analysis
from fmexplore.analysis.fifo_lock import FifoLock
from fmexplore.analysis.task import Cancelled
from fmexplore.embeddings.projection import Stopped
from fmexplore.errors import AnalysisFailed, FMExploreError
from fmexplore.machine import lower_priority, prepare_process

ANALYSES = image_analysis.ANALYSES | map_analysis.ANALYSES | photo_analysis.ANALYSES
IDLE_SECONDS = 1200
PARTIAL_SECONDS = 0.5  # between two partial results


class RequestTask:
    """A request on this side, as an analysis sees it: sends how far it is, and carries out commands."""

    def __init__(self, number: int, server: "RequestServer", lock: FifoLock | None) -> None:
        self.number, self.server, self.lock = number, server, lock
        self.cancelled = self.stopped = False
        self._running = threading.Event()
        self._running.set()
        self._reported = self._shown = 0.0

    def handle(self, command: str) -> None:
        """Carry out a command: cancel, pause, resume or stop."""
        self.cancelled |= command == "cancel"
        self.stopped |= command == "stop"
        if command == "pause" and self.lock and not self.cancelled and not self.stopped:
            self._running.clear()
        else:
            self._running.set()

    def report(self, share: float, message: str = "", partial: dict | None = None) -> None:
        """As `Task.report`."""
        if self.lock and not self._running.is_set():
            self.lock.release(self.number)
            self._running.wait()
            self.lock.enqueue(self.number)
            self.lock.acquire(self.number)
        if self.cancelled:
            raise Cancelled
        if self.stopped and partial is not None:
            raise Stopped
        now = time.monotonic()
        if now - self._reported > 0.1:
            self._reported = now
            answer: dict[str, Any] = {"number": self.number, "share": share, "message": message}
            if partial is not None and now - self._shown > PARTIAL_SECONDS:
                self._shown = now
                answer["partial"] = partial
            self.server.send(answer)


class RequestServer:
    """Reads requests, has them worked on, sends answers."""

    def __init__(self, requests: IO[bytes], answers: IO[bytes]) -> None:
        self.requests, self.answers = requests, answers
        self.quick = ThreadPoolExecutor(1)
        self.long_lock = FifoLock()  # of the long ones: whoever holds it works
        self.tasks: dict[int, RequestTask] = {}
        self.last = time.monotonic()
        self._send_lock = threading.Lock()

    def run(self) -> None:
        """Answer until the server ends."""
        threading.Thread(target=self._watch, daemon=True).start()
        while True:
            try:
                message = pickle.load(self.requests)
            except (EOFError, pickle.UnpicklingError):  # the server has ended, perhaps while it wrote
                os._exit(0)
            self.last = time.monotonic()
            if "name" not in message:
                ((command, number),) = message.items()
                if task := self.tasks.get(number):
                    task.handle(command)
                continue
            number = message["number"]
            quick = message["name"] in image_analysis.QUICK | photo_analysis.QUICK
            task = self.tasks[number] = RequestTask(number, self, None if quick else self.long_lock)
            work = partial(self._answer, task, message["name"], message["arguments"])
            if quick:
                self.quick.submit(work)
            else:
                self.long_lock.enqueue(number)
                threading.Thread(target=self._take_turn, args=(number, work), daemon=True).start()

    def send(self, answer: dict) -> None:
        """Give the server an answer, or how far a question is."""
        with self._send_lock:
            pickle.dump(answer, self.answers)
            self.answers.flush()

    def _take_turn(self, number: int, work: Callable[[], None]) -> None:
        self.long_lock.acquire(number)
        try:
            work()
        finally:
            self.long_lock.release(number)

    def _answer(self, task: RequestTask, name: str, arguments: dict) -> None:
        try:
            if task.cancelled:
                raise Cancelled
            answer = {"result": ANALYSES[name](task, **arguments)}
        except Cancelled:
            answer = {"error": AnalysisFailed("This was cancelled: ask again.")}
        except FMExploreError as error:
            answer = {"error": error}
        except Exception as error:
            traceback.print_exc()
            answer = {"error": AnalysisFailed(f"Something went wrong inside ({type(error).__name__}: {error}).")}
        del self.tasks[task.number]
        self.last = time.monotonic()
        self.send({"number": task.number, **answer})

    def _watch(self) -> None:
        """Free the memory when nobody has asked for a while."""
        while self.tasks or time.monotonic() - self.last < IDLE_SECONDS:
            time.sleep(10)
        os._exit(0)


def main() -> None:
    """Answer until the server ends."""
    lower_priority()
    prepare_process(trains=False)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not come between the answers
    RequestServer(sys.stdin.buffer, answers).run()


if __name__ == "__main__":
    main()
