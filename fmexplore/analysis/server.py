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
from fmexplore.analysis.images import Cancelled
from fmexplore.analysis.turn_line import Line
from fmexplore.embeddings.projection import Stopped
from fmexplore.errors import AnalysisFailed, FMExploreError
from fmexplore.machine import NICENESS, prepare_process

ANALYSES = image_analysis.ANALYSES | map_analysis.ANALYSES | photo_analysis.ANALYSES
IDLE_SECONDS = 1200
PARTIAL_SECONDS = 0.5  # between two partial results


class Asked:
    """A question on this side: sends how far it is, and notices what is wished of it."""

    def __init__(self, number: int, office: "Office", line: Line | None) -> None:
        self.number, self.office, self.line = number, office, line
        self.cancelled = self.stopped = False
        self._goes = threading.Event()
        self._goes.set()
        self._told = self._shown = 0.0

    def hear(self, wish: str) -> None:
        """Take a wish: cancel, pause, resume or stop."""
        self.cancelled |= wish == "cancel"
        self.stopped |= wish == "stop"
        if wish == "pause" and self.line and not self.cancelled and not self.stopped:
            self._goes.clear()
        else:
            self._goes.set()

    def report(self, share: float, message: str = "", partial: dict | None = None) -> None:
        """As `analyses.Task.report`."""
        if self.line and not self._goes.is_set():
            self.line.leave(self.number)
            self._goes.wait()
            self.line.join(self.number)
            self.line.wait(self.number)
        if self.cancelled:
            raise Cancelled
        if self.stopped and partial is not None:
            raise Stopped
        now = time.monotonic()
        if now - self._told > 0.1:
            self._told = now
            answer: dict[str, Any] = {"number": self.number, "share": share, "message": message}
            if partial is not None and now - self._shown > PARTIAL_SECONDS:
                self._shown = now
                answer["partial"] = partial
            self.office.send(answer)


class Office:
    """Reads questions, has them worked on, sends answers."""

    def __init__(self, questions: IO[bytes], answers: IO[bytes]) -> None:
        self.questions, self.answers = questions, answers
        self.quick = ThreadPoolExecutor(1)
        self.line = Line()  # of the long ones, whose turn it is works
        self.asked: dict[int, Asked] = {}
        self.last = time.monotonic()
        self._lock = threading.Lock()

    def run(self) -> None:
        """Answer until the server ends."""
        threading.Thread(target=self._watch, daemon=True).start()
        while True:
            try:
                message = pickle.load(self.questions)
            except (EOFError, pickle.UnpicklingError):  # the server has ended, perhaps while it wrote
                os._exit(0)
            self.last = time.monotonic()
            if "name" not in message:
                ((wish, number),) = message.items()
                if asked := self.asked.get(number):
                    asked.hear(wish)
                continue
            number = message["number"]
            quick = message["name"] in image_analysis.QUICK | photo_analysis.QUICK
            asked = self.asked[number] = Asked(number, self, None if quick else self.line)
            work = partial(self._answer, asked, message["name"], message["arguments"])
            if quick:
                self.quick.submit(work)
            else:
                self.line.join(number)
                threading.Thread(target=self._take_turn, args=(number, work), daemon=True).start()

    def send(self, answer: dict) -> None:
        """Give the server an answer, or how far a question is."""
        with self._lock:
            pickle.dump(answer, self.answers)
            self.answers.flush()

    def _take_turn(self, number: int, work: Callable[[], None]) -> None:
        self.line.wait(number)
        try:
            work()
        finally:
            self.line.leave(number)

    def _answer(self, asked: Asked, name: str, arguments: dict) -> None:
        try:
            if asked.cancelled:
                raise Cancelled
            answer = {"result": ANALYSES[name](asked, **arguments)}
        except Cancelled:
            answer = {"error": AnalysisFailed("This was cancelled: ask again.")}
        except FMExploreError as error:
            answer = {"error": error}
        except Exception as error:
            traceback.print_exc()
            answer = {"error": AnalysisFailed(f"Something went wrong inside ({type(error).__name__}: {error}).")}
        del self.asked[asked.number]
        self.last = time.monotonic()
        self.send({"number": asked.number, **answer})

    def _watch(self) -> None:
        """Free the memory when nobody has asked for a while."""
        while self.asked or time.monotonic() - self.last < IDLE_SECONDS:
            time.sleep(10)
        os._exit(0)


def main() -> None:
    """Answer until the server ends."""
    if hasattr(os, "nice"):
        os.nice(NICENESS)
    prepare_process(trains=False)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not come between the answers
    Office(sys.stdin.buffer, answers).run()


if __name__ == "__main__":
    main()
