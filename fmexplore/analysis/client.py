"""Questions to the process beside the server that has torch: it answers what is asked about runs within milliseconds.

The server keeps an Analyst, which starts the process (`server`), sends it questions and gets answers, both
pickled over its standard input and output. Each question belongs to those who ask it, and ends when all have gone.
"""

import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from types import NoneType
from typing import Any

from fmexplore.analysis.turns import Asker
from fmexplore.errors import AnalysisFailed
from fmexplore.runs.run import Run
from fmexplore.schema import Schema
from fmexplore.settings import PACKAGE, Settings, child_environment
from fmexplore.storage import storage_error


class Question:
    """One thing asked of the analyst: how far it is, what there is already, and the answer."""

    def __init__(self, analyst: "Analyst", number: int) -> None:
        self.share, self.message = 0.0, ""
        self.partial: dict | None = None  # arrays, where the analysis has some to show before it ends
        self.paused = False
        self.asked_by: set[Asker] = set()
        self.answer: Future = Future()
        self.process: subprocess.Popen | None = None
        self._analyst, self.number = analyst, number

    @property
    def askers(self) -> int:
        """How many wait for it: only who is alone should pause or stop it."""
        return len(self.asked_by)

    def wait(self, seconds: float) -> bool:
        """Whether it is done within that time."""
        return bool(wait([self.answer], seconds).done)

    def result(self, seconds: float | None = None) -> Any:
        """The answer. Raises what the analysis raised, AnalysisFailed when the process died."""
        return self.answer.result(seconds)

    def cancel(self) -> None:
        """Who asks here does not want the answer any more; if nobody does, it fails with AnalysisFailed."""
        self._analyst.leave(self, self.number)

    def pause(self) -> None:
        """Let it wait at its next report, and others take its turn; quick questions do not wait."""
        self.paused = True
        self._analyst.send_command("pause", self.number)

    def resume(self) -> None:
        """Let it go on."""
        self.paused = False
        self._analyst.send_command("resume", self.number)

    def stop(self) -> None:
        """Have it finish with what there is, once there is something to show; it is not paused any more."""
        self.paused = False
        self._analyst.send_command("stop", self.number)


class Analyst:
    """Asks the process, starting it when there is none. For all threads of a server.

    `who` says for whom a thread is asking; askers take turns, see `turns.FairTurns`.
    """

    def __init__(self, settings: Settings, who: Callable[[], Asker] = lambda: ("",)) -> None:
        self.settings, self.who = settings, who
        self._process: subprocess.Popen | None = None
        self._open: dict[int, Question] = {}
        self._same: dict[str, Question] = {}
        self._lock = threading.RLock()
        self._count = 0

    def ask(self, name: str, **arguments: Any) -> Question:
        """Ask for one of `server.ANALYSES`; while the same is asked, everyone gets that one."""
        asker = self.who()
        same = repr((name, sorted(arguments.items(), key=lambda item: item[0]))) if _plain(arguments) else ""
        with self._lock:
            if same and (known := self._same.get(same)) and not known.answer.done():
                if asker not in known.asked_by:
                    known.asked_by.add(asker)
                    self.send({"adopt": known.number, "asker": asker})
                if known.paused:  # only who is alone may keep it waiting
                    known.resume()
                return known
            process = self._start()
            self._count += 1
            question = self._open[self._count] = Question(self, self._count)
            if same:
                self._same[same] = question
            question.process = process
            question.asked_by.add(asker)
            self.send({"number": self._count, "name": name, "arguments": arguments, "asker": asker})
            return question

    def send(self, message: dict) -> None:
        """Give the process a message; if it is gone, its reader notices."""
        with self._lock, suppress(OSError):
            if self._process and self._process.stdin:
                pickle.dump(message, self._process.stdin)
                self._process.stdin.flush()

    def send_command(self, command: str, number: int) -> None:
        """Control a question: cancel, pause, resume or stop it."""
        self.send({command: number})

    def leave(self, question: Question, number: int) -> None:
        """One asker less; the last one's question is cancelled, and who asks the same from now on gets a new one."""
        self._remove(question, number, self.who())

    def askers(self) -> set[Asker]:
        """All who wait for an answer."""
        with self._lock:
            return set().union(*(question.asked_by for question in self._open.values()))

    def forget(self, asker: Asker) -> None:
        """Cancel what only this asker has asked: the session has ended."""
        with self._lock:
            for number, question in list(self._open.items()):
                if asker in question.asked_by:
                    self._remove(question, number, asker)

    def _remove(self, question: Question, number: int, asker: Asker) -> None:
        with self._lock:
            question.asked_by.discard(asker)
            if not question.asked_by:
                self._forget_same(question)
                self.send_command("cancel", number)

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
                [sys.executable, "-m", "fmexplore.analysis.server"],
                cwd=PACKAGE.parent,  # where Python finds this package
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
