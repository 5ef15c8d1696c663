"""The process behind an Analyst: it works on one quick and one long question at a time.

So a quick one never waits behind a long one, and among its like whoever asks has a fair share of the time. It ends with
the server, and when nobody has asked for a while.
"""

import os
import pickle
import sys
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import IO, Any

from fmexplore.analysis import images as image_analysis
from fmexplore.analysis import inside as inside_analysis
from fmexplore.analysis import maps as map_analysis
from fmexplore.analysis import photos as photo_analysis
from fmexplore.analysis import robustness as robustness_analysis
from fmexplore.analysis.task import Cancelled
from fmexplore.analysis.turns import Asker, FairTurns
from fmexplore.embeddings.projection import ProjectionConfig, Stopped
from fmexplore.errors import AnalysisFailed, FMExploreError, NotAllowed
from fmexplore.machine import lower_priority, prepare_process

ANALYSES = (
    image_analysis.ANALYSES
    | map_analysis.ANALYSES
    | photo_analysis.ANALYSES
    | inside_analysis.ANALYSES
    | robustness_analysis.ANALYSES
)
QUICK = image_analysis.QUICK | photo_analysis.QUICK | inside_analysis.QUICK  # the others take turns
IDLE_SECONDS = 1200
PARTIAL_SECONDS = 0.5  # between two partial results
SMALL_SAMPLE = 10_000  # images, a map of which is no large one
MOST_LONG = 4  # long questions that a session has open at once
# Questions that have begun: each keeps its arrays while others have their turn. Large ones have long stretches in which
# nobody else can have one.
PLACES, LARGE_PLACES = 6, 2


CANCELLED = AnalysisFailed("This was cancelled: ask again.")


class RequestTask:
    """A request on this side, as an analysis sees it: sends how far it is, and carries out commands."""

    def __init__(self, number: int, server: "RequestServer", turns: FairTurns) -> None:
        self.number, self.server, self.turns = number, server, turns
        self.cancelled = self.stopped = False
        self._running = threading.Event()
        self._running.set()
        self._reported = self._shown = 0.0

    def handle(self, command: str) -> None:
        """Carry out a command: cancel, pause, resume or stop."""
        self.cancelled |= command == "cancel"
        self.stopped |= command == "stop"
        if command == "pause" and self.turns is self.server.long and not self.cancelled and not self.stopped:
            self._running.clear()
        else:
            self._running.set()

    def report(self, share: float, message: str = "", partial: dict | None = None) -> None:
        """As `Task.report`."""
        if not self._running.is_set():
            self.turns.pause(self.number)
            self._running.wait()
            self.turns.resume(self.number)
        if not self.cancelled:
            self.turns.offer(self.number)
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
        self.threads = ThreadPoolExecutor(64)
        self.quick, self.long = FairTurns(PLACES, PLACES), FairTurns(PLACES, LARGE_PLACES)
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
            if "name" in message:
                self._take(message)
            elif "adopt" in message and (task := self.tasks.get(message["adopt"])):
                task.turns.adopt(task.number, message["asker"])
            elif "adopt" not in message:
                ((command, number),) = message.items()
                if task := self.tasks.get(number):
                    task.handle(command)
                    if command == "cancel" and task.turns.drop(number):
                        self._end(task, {"error": CANCELLED})

    def _take(self, message: dict) -> None:
        number, name, arguments = message["number"], message["name"], message["arguments"]
        asker: Asker = message.get("asker", ("",))
        is_quick = name in QUICK
        turns = self.quick if is_quick else self.long
        task = self.tasks[number] = RequestTask(number, self, turns)
        if not is_quick and turns.count(asker) >= MOST_LONG:
            refused = f"You have {MOST_LONG} long analyses under way, as many as each may have: cancel one, or wait."
            self._end(task, {"error": NotAllowed(refused)})
            return
        work = partial(self.threads.submit, self._answer, task, name, arguments)
        if before := turns.join(number, asker, work, _is_large(arguments)):
            self.send({"number": number, "share": 0.0, "message": f"Waiting: {before + 1} analyses take turns"})

    def send(self, answer: dict) -> None:
        """Give the server an answer, or how far a question is."""
        with self._send_lock:
            pickle.dump(answer, self.answers)
            self.answers.flush()

    def _answer(self, task: RequestTask, name: str, arguments: dict) -> None:
        try:
            if task.cancelled:
                raise Cancelled
            answer = {"result": ANALYSES[name](task, **arguments)}
        except Cancelled:
            answer = {"error": CANCELLED}
        except FMExploreError as error:
            answer = {"error": error}
        except Exception as error:
            traceback.print_exc()
            answer = {"error": AnalysisFailed(f"Something went wrong inside ({type(error).__name__}: {error}).")}
        task.turns.leave(task.number)
        self._end(task, answer)

    def _end(self, task: RequestTask, answer: dict) -> None:
        del self.tasks[task.number]
        self.last = time.monotonic()
        self.send({"number": task.number, **answer})

    def _watch(self) -> None:
        """Free the memory when nobody has asked for a while."""
        while self.tasks or time.monotonic() - self.last < IDLE_SECONDS:
            time.sleep(10)
        os._exit(0)


def _is_large(arguments: dict) -> bool:
    """Whether it keeps arrays of tens of thousands of images in memory."""
    config = arguments.get("config")
    sample = config.sample if isinstance(config, ProjectionConfig) else 0
    return arguments.get("split") in ("all", "train") and not 0 < sample <= SMALL_SAMPLE


def main() -> None:
    """Answer until the server ends."""
    lower_priority()
    prepare_process(trains=False)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not come between the answers
    RequestServer(sys.stdin.buffer, answers).run()


if __name__ == "__main__":
    main()
