"""Searches a study: asks for trials, has them trained as runs, tells how they ended, and confirms the winner.

The only writer of the study of this home. Knows the folder's control files; no Optuna, no torch, no screen.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from fmexplore.errors import ConfigError, FMExploreError, NotAllowed, StorageError
from fmexplore.jobs.job import Job
from fmexplore.jobs.limits import check_disk, check_network, weights_mb
from fmexplore.models.table import summarize
from fmexplore.runs.run import Run
from fmexplore.runs.status import Result, State, clear_requests, request, write_status
from fmexplore.runs.store import RunStore
from fmexplore.training.config import Execution, RunConfig
from fmexplore.tuning.confirmation import Confirmation, read_confirmations, write_confirmations
from fmexplore.tuning.records import TrialRecord, best_of, with_weights
from fmexplore.tuning.study import Asked, GivenAway, Outcome, Study
from fmexplore.tuning.trainer import Trainer

POLL_SECONDS = 0.2
NOTE_SECONDS = 1.0
MOST_KILLS = 3  # of one training, after which something is wrong with it
NOT_SAVED = "was not saved"  # in every StorageError for a write
Listener = Callable[[TrialRecord | Confirmation], None]  # is told of what has ended
END_STATES: dict[str, State] = {"STOP": "stopped", "PAUSE": "paused", "GONE": "interrupted"}


class Interrupted(Exception):
    """What was under way is saved: somebody wants the study to end, or its minutes are over."""


class Driver:
    """Drives a study until its budget is used.

    Args:
        job: on the study's folder.
        study: opened.
        store: where the runs are made.
        listen: is told of each trial as it ends.
        train: in place of training a run, for measuring what all the rest costs.
    """

    def __init__(
        self,
        job: Job,
        study: Study,
        store: RunStore,
        listen: Listener = lambda _: None,
        train: Callable[[Asked], Outcome] | None = None,
    ) -> None:
        self.job, self.study, self.store, self.listen = job, study, store, listen
        self.train = train or self._train
        self.trainer = Trainer(store.settings, Path(job.folder) / "trainer.log")
        self.used = job.status.result.seconds  # before this start
        self.started = time.monotonic()
        self._noted = 0.0  # when the status was written last
        self._wanted = ""  # how it should end: STOP, PAUSE or GONE
        self._with_weights: set[str] | None = None

    @property
    def seconds(self) -> float:
        """That the study has used, over all its starts."""
        return self.used + time.monotonic() - self.started

    def run(self) -> State:
        """Search, then confirm the winner. Raises StorageError, and ConfigError for a configuration that is none."""
        try:
            self._remove_orphans()
            while not (reason := self._over()):
                self._try_one()
            self._confirm()
        except Interrupted:
            self._note(message=self._limit())
            return END_STATES[self._wanted or "PAUSE"]  # a run can be paused by itself, by a file in its folder
        finally:
            self.trainer.close()
        self._note(message=reason, progress=1.0)
        return "finished"

    def _is_wanted(self) -> bool:
        """Whether somebody wants the study to end, or it is at the limit of this server."""
        self._wanted = self._wanted or self.job.read_request() or ("STOP" if self._limit() else "")
        return self._wanted != ""

    def _limit(self) -> str:
        most = self.store.settings.max_minutes
        return f"Stopped at this server's limit of {most:g} minutes." if most and self.seconds >= 60 * most else ""

    def _over(self) -> str:
        """Why no other trial should begin; empty as long as one should."""
        if self._is_wanted():
            raise Interrupted
        config = self.study.config
        self.study.catch_up(config.trials)
        done = len(self.study.records)
        if config.trials is not None and done + self.study.elsewhere >= config.trials:
            if self.study.elsewhere:
                return f"{done} trials are done, and other servers have the last {self.study.elsewhere} under way."
            return f"All {done} trials are done."
        if self._out_of_time():
            return f"The {config.minutes:.3g} minutes are over, after {done} trials."
        if config.searcher == "grid" and self.study.exhausted:
            asked = f", fewer than the {config.trials} asked for" if config.trials else ""
            return f"The grid has {config.space.grid_size()} points and all were tried: {done} trials{asked}."
        return ""

    def _out_of_time(self) -> bool:
        minutes = self.study.config.minutes
        return minutes is not None and self.seconds >= 60 * minutes

    def _try_one(self) -> None:
        try:
            record = self._trial()
        except GivenAway:
            self.trainer.close()  # which saves its run
            self.study.refresh()
            return
        if record is None:
            return  # it goes on first
        self._drop_weights()
        self._note()
        self.listen(record)

    def _trial(self) -> TrialRecord | None:
        """The next trial; None where it was interrupted without anybody wanting the study to end.

        Raises Interrupted, GivenAway.
        """
        asked = self.study.ask()
        try:
            outcome = self.train(asked)
        except Interrupted:
            self.study.put_back(asked)
            if self._wanted:
                raise
            return None
        except (ConfigError, NotAllowed) as error:
            outcome = Outcome("failed", reason=str(error))
        return self.study.tell(asked, outcome)

    def _note(self, **changes: Any) -> None:
        """Keep in the status how far the study is; without `changes` at most once a second, as each is synced."""
        if not changes and time.monotonic() - self._noted < NOTE_SECONDS:
            return
        self._noted = time.monotonic()
        config, records = self.study.config, self.study.records
        best = best_of(records)
        shares = [len(records) / config.trials] if config.trials else []
        shares += [self.seconds / 60 / config.minutes] if config.minutes else []
        accuracy = best.validation_accuracy if best else None
        result = Result(validation_accuracy=accuracy, seconds=round(self.seconds, 2))
        about = {"message": f"{len(records)} trials", "progress": min(1.0, max(shares, default=0)), **changes}
        self.job.update(result=result, **about)

    # --- one training ----------------------------------------------------------------------------------------------

    def _train(self, asked: Asked) -> Outcome:
        """Train the run of a trial, from where it was interrupted. Raises ConfigError, NotAllowed, Interrupted."""
        run = self._run_of(asked)
        if run is None:
            config = self.study.config.space.configure(self.study.config.base, asked.parameters)
            rows, status = summarize(config.model), self.job.status
            check_network(self.store.settings, config, rows)
            check_disk(self.store, status.owner, status.address, weights_mb(config, rows))
            run = self._make_run(config, f"{self.study.folder.name}, trial {asked.number}")
            try:
                asked.keep_run(run.id)
            except GivenAway:
                shutil.rmtree(run.path, ignore_errors=True)
                raise
        message = f"Trial {asked.number + 1}"
        self._follow(run, asked, tests=False, message=message)
        return self._outcome(run)

    def _run_of(self, asked: Asked) -> Run | None:
        """The run that a trial had before it was interrupted."""
        run = Run(self.store.folder / asked.run) if asked.run else None
        return run if run and (run.path / "status.json").exists() else None

    def _remove_orphans(self) -> None:
        """Runs that this study has made and nobody has noted or begun, as its process was killed in between."""
        if self.study.shared:
            return
        noted = self.study.noted_runs() | {each.run for each in read_confirmations(self.study.folder)}
        for run in self.store.own_runs():
            with suppress(FMExploreError):
                status = run.status
                own = (status.study, status.owner) == (self.study.folder.name, self.job.status.owner)
                if own and status.started is None and run.id not in noted:
                    shutil.rmtree(run.path, ignore_errors=True)

    def _make_run(self, config: RunConfig, name: str) -> Run:
        status = self.job.status
        return self.store.create(
            config,
            status.owner,
            name=name[-80:],
            state="interrupted",  # until its training begins
            address=status.address,
            study=self.study.folder.name,
            execution=_fit(status.execution, config),
        )

    def _follow(self, run: Run, asked: Asked | None, tests: bool, message: str) -> None:
        """Have a run trained to its end, also where its process is killed. Raises Interrupted."""
        kills = 0
        while run.status.state == "running" and run.status.alive:  # its process has not noticed yet that it should end
            if self._is_wanted():
                raise Interrupted
            time.sleep(POLL_SECONDS)
        open_states = ("interrupted", "paused") if asked else ("interrupted", "paused", "stopped")  # none is pruned
        while _is_open(run, open_states):
            clear_requests(run.path)
            self.trainer.begin(run.path, tests)
            if self._listen_to_trainer(run, asked, message):
                break
            code = self.trainer.reap()
            if (kills := kills + 1) >= MOST_KILLS:
                by = f"signal {-code}" if code < 0 else f"code {code}"
                error = f"Its process ended {kills} times, with {by}: it may need more memory than there is."
                write_status(run.path, run.status.replace(state="failed", ended=time.time(), pid=None, error=error))
                break
        if self.job.status.execution is None and (chosen := run.status.execution):
            self.job.update(execution=chosen)  # for all trials: another precision would be another result
        if run.status.state in open_states:
            raise Interrupted

    def _listen_to_trainer(self, run: Run, asked: Asked | None, message: str) -> bool:
        """Answer after each epoch until the run has ended; False where the process has."""
        asked_to_pause, beat = False, time.monotonic()
        while (line := self.trainer.read(POLL_SECONDS)) is not None:
            if "ended" in line:
                return True
            if "epoch" in line:
                prune = bool(asked) and asked.report(math.ceil(line["epoch"]), line["accuracy"])  # type: ignore[union-attr]
                self.trainer.answer(prune and not line["last"])
                self._note(message=f"{message}: epoch {line['epoch']:.3g}, {line['accuracy']:.1%}")
            if asked and time.monotonic() - beat > 5:
                asked.beat()
                beat = time.monotonic()
            if not asked_to_pause and self._should_pause(bool(asked)):
                request(run.path, "PAUSE")
                asked_to_pause = True
        return False

    def _should_pause(self, searching: bool) -> bool:
        return self._is_wanted() or (searching and self._out_of_time())

    def _outcome(self, run: Run) -> Outcome:
        status = run.status
        if status.state == "failed" and NOT_SAVED in status.error:
            raise StorageError(status.error)  # no fault of the trial, which goes on when there is room
        if status.state == "failed":
            return Outcome("failed", reason=status.error)
        accuracy, config = status.result.validation_accuracy, self.study.config
        if status.state == "stopped":
            return Outcome("pruned", accuracy)
        second = config.second_value(run.config, status.result.seconds) if config.second else None
        return Outcome("complete", accuracy, second)

    def _drop_weights(self) -> None:
        """Only the ten best trials keep their weights."""
        kept = with_weights(self.study.records)
        if self._with_weights is None:  # all that may have some, when the driver has just started
            self._with_weights = {record.run for record in self.study.records if record.run}
        for gone in (self._with_weights | kept) - kept:
            run = Run(self.store.folder / gone)
            if run.has_weights:
                run.drop_weights()
        self._with_weights = kept

    # --- confirmation ----------------------------------------------------------------------------------------------

    def _confirm(self) -> None:
        """Train the winner again with new seeds, and test those once. Raises Interrupted."""
        config, winner = self.study.config, best_of(self.study.records)
        if not config.confirm or winner is None or self.study.elsewhere:  # another server may find a better one
            return
        there = read_confirmations(self.study.folder)
        for seed in new_seeds(config.seed, config.confirm):
            found = next((each for each in there if (each.trial, each.seed) == (winner.trial, seed)), None)
            if found and found.test_accuracy is not None:
                continue
            run = Run(self.store.folder / found.run) if found else None
            if run is None or not run.path.exists():
                chosen = config.space.configure(config.base, winner.parameters)
                training = chosen.training.replace(seed=seed)
                name = f"{self.study.folder.name}, trial {winner.trial} with seed {seed}"
                run = self._make_run(chosen.replace(training=training.model_dump(mode="json")), name)
                begun = {"trial": winner.trial, "seed": seed, "run": run.id, "searched": winner.validation_accuracy}
                there = [*there, Confirmation.parse(begun)]
                write_confirmations(self.study.folder, there)
            self._follow(run, None, tests=True, message=f"Confirming trial {winner.trial + 1}, seed {seed}")
            ended = Confirmation.of(winner, seed, run)
            there = [ended if (each.trial, each.seed) == (winner.trial, seed) else each for each in there]
            write_confirmations(self.study.folder, there)
            self._note()
            self.listen(ended)


def _is_open(run: Run, states: tuple[State, ...]) -> bool:
    """Whether the run is still to be trained: in one of `states`, or failed; what diverged would do so again."""
    status = run.status
    if status.state == "running":
        return not status.alive
    return status.state in states or (status.state == "failed" and not status.diverged)


def new_seeds(used: int, count: int) -> list[int]:
    """Seeds that the search has not used."""
    return [(used + 1 + number) % 2**31 for number in range(count)]


def _fit(execution: Execution | None, config: RunConfig) -> Execution | None:
    """What was chosen for the first trial, as another one's precision or threads want it; what was timed is not its."""
    if execution is None:
        return None
    wanted = config.training.precision
    return execution.replace(images_per_second=0, precision=execution.precision if wanted == "auto" else wanted)
