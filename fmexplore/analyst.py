"""One long-lived process beside the server for what needs torch: it answers questions about runs within milliseconds.

The server keeps an Analyst, which starts the process, sends it questions and gets answers, both pickled over its
standard input and output. It works on one quick and one long question at a time, so that a quick one never waits
behind a long one. It ends with the server, and when nobody has asked for a while.
"""

import os
import pickle
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from functools import partial
from types import NoneType
from typing import IO, Any

from fmexplore.errors import AnalysisFailed, FMExploreError
from fmexplore.run import Run
from fmexplore.schema import Schema
from fmexplore.settings import PROJECT, Settings, child_environment
from fmexplore.storage import storage_error
from fmexplore.turns import Line

IDLE_SECONDS = 1200
PARTIAL_SECONDS = 0.5  # between two partial results


class Question:
    """One thing asked of the analyst: how far it is, what there is already, and the answer."""

    def __init__(self, analyst: "Analyst", number: int) -> None:
        self.share, self.message = 0.0, ""
        self.partial: dict | None = None  # arrays, where the analysis has some to show before it ends
        self.paused, self.askers = False, 1  # how many wait for it: only who is alone should pause or stop it
        self.answer: Future = Future()
        self.process: subprocess.Popen | None = None
        self._analyst, self._number = analyst, number

    def wait(self, seconds: float) -> bool:
        """Whether it is done within that time."""
        return bool(wait([self.answer], seconds).done)

    def result(self, seconds: float | None = None) -> Any:
        """The answer. Raises what the analysis raised, AnalysisFailed when the process died."""
        return self.answer.result(seconds)

    def cancel(self) -> None:
        """One of those who asked does not want the answer any more; if nobody does, it fails with AnalysisFailed."""
        self.askers -= 1
        if self.askers < 1:
            self._analyst.wish("cancel", self._number)

    def pause(self) -> None:
        """Let it wait at its next report, and others take its turn; quick questions do not wait."""
        self.paused = True
        self._analyst.wish("pause", self._number)

    def resume(self) -> None:
        """Let it go on."""
        self.paused = False
        self._analyst.wish("resume", self._number)

    def stop(self) -> None:
        """Have it finish with what there is, once there is something to show; it is not paused any more."""
        self.paused = False
        self._analyst.wish("stop", self._number)


class Analyst:
    """Asks the process, starting it when there is none. For all threads of a server."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._process: subprocess.Popen | None = None
        self._open: dict[int, Question] = {}
        self._same: dict[str, Question] = {}
        self._lock = threading.RLock()
        self._count = 0

    def ask(self, name: str, **arguments: Any) -> Question:
        """Ask for one of `analyses.ANALYSES` or those about photos; while the same is asked, everyone gets that one."""
        same = repr((name, sorted(arguments.items(), key=lambda item: item[0]))) if _plain(arguments) else ""
        with self._lock:
            if same and (known := self._same.get(same)) and not known.answer.done():
                known.askers += 1
                return known
            process = self._start()
            self._count += 1
            question = self._open[self._count] = Question(self, self._count)
            if same:
                self._same[same] = question
            question.process = process
            self.send({"number": self._count, "name": name, "arguments": arguments})
            return question

    def send(self, message: dict) -> None:
        """Give the process a message; if it is gone, its reader notices."""
        with self._lock, suppress(OSError):
            if self._process and self._process.stdin:
                pickle.dump(message, self._process.stdin)
                self._process.stdin.flush()

    def wish(self, wish: str, number: int) -> None:
        """Control a question; who asks the same as a cancelled one from now on gets a new one."""
        with self._lock:
            if wish == "cancel":
                self._forget_same(self._open.get(number))
            self.send({wish: number})

    def close(self) -> None:
        """End the process."""
        with self._lock:
            if self._process:
                self._process.kill()
                self._process.wait()

    def _start(self) -> subprocess.Popen:
        if self._process and self._process.poll() is None:
            return self._process
        path = self.settings.cache / "analyst.log"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            log = open(path, "wb")  # noqa: SIM115 closed below
        except OSError as error:
            raise storage_error(path, error) from None
        with log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "fmexplore.analyst"],
                cwd=PROJECT,
                env=child_environment(self.settings),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                start_new_session=True,
            )
        threading.Thread(target=self._listen, args=(self._process,), daemon=True, name="analyst").start()
        return self._process

    def _listen(self, process: subprocess.Popen) -> None:
        """Hand out answers until the process ends; what it was asked and left open fails."""
        assert process.stdout
        while True:
            try:
                answer = pickle.load(process.stdout)
            except (EOFError, OSError, pickle.UnpicklingError):
                break
            with self._lock:
                question = self._open.get(answer["number"])
                if question and "share" in answer:
                    question.share, question.message = answer["share"], answer["message"]
                    question.partial = answer.get("partial", question.partial)
                    continue
                self._close(answer["number"])
            if question and "error" in answer:
                question.answer.set_exception(answer["error"])
            elif question:
                question.answer.set_result(answer["result"])
        code = process.wait()
        with self._lock:
            lost = {number: question for number, question in self._open.items() if question.process is process}
            for number in lost:
                self._close(number)
        for question in lost.values():
            question.answer.set_exception(
                AnalysisFailed(
                    f"The process for analyses ended (code {code}), perhaps for lack of memory: try again; "
                    f"{self.settings.cache / 'analyst.log'} may say more."
                )
            )

    def _close(self, number: int) -> None:
        self._forget_same(self._open.pop(number, None))

    def _forget_same(self, question: Question | None) -> None:
        for key in [key for key, known in self._same.items() if known is question]:
            del self._same[key]


def _plain(arguments: dict[str, Any]) -> bool:
    """Whether two equal reprs mean equal arguments."""
    return all(isinstance(value, (str, int, float, tuple, Run, Schema, NoneType)) for value in arguments.values())


# --- in the process --------------------------------------------------------------------------------------------------


class _Asked:
    """A question on this side: sends how far it is, and notices what is wished of it."""

    def __init__(self, number: int, office: "_Office", line: Line | None) -> None:
        self.number, self.office, self.line = number, office, line
        self.cancelled = self.stopped = False
        self._goes = threading.Event()
        self._goes.set()
        self._told = self._shown = 0.0

    def hear(self, wish: str) -> None:
        self.cancelled |= wish == "cancel"
        self.stopped |= wish == "stop"
        if wish == "pause" and self.line and not self.cancelled and not self.stopped:
            self._goes.clear()
        else:
            self._goes.set()

    def report(self, share: float, message: str = "", partial: dict | None = None) -> None:
        from fmexplore.analyses import Cancelled
        from fmexplore.projection import Stopped

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


class _Office:
    """Reads questions, has them worked on, sends answers."""

    def __init__(self, questions: IO[bytes], answers: IO[bytes]) -> None:
        self.questions, self.answers = questions, answers
        self.quick = ThreadPoolExecutor(1)
        self.line = Line()  # of the long ones, whose turn it is works
        self.asked: dict[int, _Asked] = {}
        self.last = time.monotonic()
        self._lock = threading.Lock()

    def run(self) -> None:
        from fmexplore.analyses import QUICK
        from fmexplore.photo_analyses import QUICK as QUICK_ON_PHOTOS

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
            quick = message["name"] in QUICK | QUICK_ON_PHOTOS
            asked = self.asked[number] = _Asked(number, self, None if quick else self.line)
            work = partial(self._answer, asked, message["name"], message["arguments"])
            if quick:
                self.quick.submit(work)
            else:
                self.line.join(number)
                threading.Thread(target=self._take_turn, args=(number, work), daemon=True).start()

    def send(self, answer: dict) -> None:
        with self._lock:
            pickle.dump(answer, self.answers)
            self.answers.flush()

    def _take_turn(self, number: int, work: Callable[[], None]) -> None:
        self.line.wait(number)
        try:
            work()
        finally:
            self.line.leave(number)

    def _answer(self, asked: _Asked, name: str, arguments: dict) -> None:
        from fmexplore.analyses import ANALYSES, Cancelled
        from fmexplore.photo_analyses import ANALYSES as ON_PHOTOS

        try:
            if asked.cancelled:
                raise Cancelled
            answer = {"result": {**ANALYSES, **ON_PHOTOS}[name](asked, **arguments)}
        except Cancelled:
            answer = {"error": AnalysisFailed("This was cancelled: ask again.")}
        except FMExploreError as error:
            answer = {"error": error}
        except Exception as error:
            import traceback

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
    from fmexplore.worker import NICENESS, prepare_process

    if hasattr(os, "nice"):
        os.nice(NICENESS)
    prepare_process(trains=False)
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not come between the answers
    _Office(sys.stdin.buffer, answers).run()


if __name__ == "__main__":
    main()
