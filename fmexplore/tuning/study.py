"""A study while it is searched: Optuna's ask and tell, and a line in trials.jsonl for each trial. Trains nothing.

One driver at a time has a study of this home; others read its folder. With FMEXPLORE_STUDIES, drivers of several
servers share one study: its settings lie beside its trials in the database, and each has a folder with its own runs.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from filelock import Timeout

from fmexplore.errors import ConfigError, NotAllowed
from fmexplore.runs.studies import TRIALS, StudyFolder
from fmexplore.settings import Settings
from fmexplore.storage import StorageLock, storage_error, strict_json, write_bytes
from fmexplore.tuning.config import StudyConfig
from fmexplore.tuning.records import TrialRecord, TrialState
from fmexplore.tuning.searchers import distributions, make_pruner, make_sampler
from fmexplore.tuning.storage import (
    PLACE,
    STALE_SECONDS,
    is_shared,
    open_storage,
    patiently,
    place_of,
    quiet,
    retry,
    storage_errors,
)

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

Value = TypeVar("Value")
LOOK_SECONDS = 5  # after which it is looked again for trials of servers that have died
RUN, REASON = "run", "reason"  # attributes of a trial
SETTINGS = "settings"  # attribute of a study


class GivenAway(Exception):
    """Another server tries this trial now, as it has seen no sign of life of it."""


@dataclass(frozen=True)
class Outcome:
    """How a trial ended; `second` as the study's second objective wants it."""

    state: TrialState
    validation_accuracy: float | None = None
    second: float | None = None
    reason: str = ""


class Asked:
    """A trial that is under way."""

    def __init__(self, study: Study, trial: optuna.Trial, number: int) -> None:
        self._study, self._trial, self.number = study, trial, number
        self.parameters: dict[str, Any] = trial.params
        # The run that it had before it was interrupted; one of another server is not here.
        self.run: str | None = trial.user_attrs.get(RUN)

    def keep_run(self, run: str) -> None:
        """Note the run of this trial, so that it goes on when all is killed. Raises StorageError."""
        self.run = run
        self._study.reach(lambda: self._trial.set_user_attr(RUN, run))

    def report(self, epoch: int, accuracy: float) -> bool:
        """Report the validation accuracy after an epoch; whether the trial should be pruned. Raises StorageError."""
        if self._study.config.second:  # Optuna has no pruning with two objectives
            return False
        with quiet():  # it warns of an epoch that was reported before the trial was interrupted
            self._study.reach(lambda: self._trial.report(accuracy, epoch))
            return self._study.config.pruning != "none" and self._study.reach(self._trial.should_prune)

    def beat(self) -> None:
        """Tell the servers that share the study that this trial is alive."""
        self._study.beat(self._trial)


class Study:
    """The Optuna study of a folder, opened for searching; close it, or use it as a context.

    Raises NotAllowed when another process searches it, StorageError, ConfigError.
    """

    def __init__(self, folder: StudyFolder, settings: Settings) -> None:
        self.folder, self.settings = folder, settings
        self._parsed: tuple[dict, StudyConfig] = {}, StudyConfig.parse(folder.values)
        self.shared = is_shared(settings, folder.path)
        self.place = place_of(settings) if self.shared else ""
        # Given back by whichever thread closes the study.
        self._lock = StorageLock(folder.path / "driver.lock", thread_local=False)
        try:
            self._lock.acquire(blocking=False)
        except Timeout:
            raise NotAllowed(f"The study {folder.name} is searched by another process: wait, or stop that.") from None
        try:
            self.storage = open_storage(settings, folder.path)
            self._study = self.reach(self._open)
            self.refresh()
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> Study:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let others search it."""
        with contextlib.suppress(Exception):
            self.storage.engine.dispose()
        self._lock.release()

    @property
    def config(self) -> StudyConfig:
        """Its settings, read again when somebody has extended it."""
        values = self.folder.values
        if values is not self._parsed[0]:
            self._parsed = values, StudyConfig.parse(values)
        return self._parsed[1]

    def _open(self) -> optuna.Study:
        import optuna

        config = self.config
        study = optuna.create_study(
            storage=self.storage,
            study_name=self.folder.name,
            directions=["maximize", "minimize"] if config.second else ["maximize"],
            pruner=make_pruner(config.pruning),
            load_if_exists=True,
        )
        if (there := study.user_attrs.get(SETTINGS)) is None:
            study.set_user_attr(SETTINGS, config.model_dump(mode="json"))
        elif self.shared and config.same_search(StudyConfig.parse(there)):
            raise ConfigError(f"The database has another study {self.folder.name}: choose another name.")
        return study

    def reach(self, do: Callable[[], Value]) -> Value:
        """Do something with the database; wait for a shared one that does not answer.

        Raises StorageError, GivenAway where it is about a trial that has ended elsewhere.
        """
        import optuna

        try:
            if self.shared:
                return patiently(do)
            with storage_errors(self.folder.path):
                return do()
        except optuna.exceptions.UpdateFinishedTrialError:
            raise GivenAway from None

    def beat(self, trial: optuna.Trial) -> None:
        """Tell the others that a trial is alive; Optuna does it by itself only in its own loop."""
        if self.shared:
            self.reach(lambda: self.storage.record_heartbeat(trial._trial_id))

    def refresh(self) -> None:
        """Let trials that nobody works on any more wait again, and write trials.jsonl anew."""
        self._refreshed = time.monotonic()
        self.reach(self._give_back)
        self.records = self.reach(self._read_records)
        self.elsewhere = self.reach(self._count_running)  # trials that other servers have under way
        content = "".join(_line(record) for record in self.records)
        write_bytes(self.folder.path / TRIALS, content.encode(), within=self.folder.path)

    def catch_up(self, count: int | None) -> None:
        """Learn what the other servers did meanwhile, if any; wholly where `count` trials may have been reached."""
        if not self.shared:
            return
        self.elsewhere = self.reach(self._count_running)
        trials = self.reach(lambda: self._study.get_trials(deepcopy=False))
        done = sum(trial.state.name in ("COMPLETE", "PRUNED") for trial in trials)
        near = count is not None and self.elsewhere > 0 and done + self.elsewhere >= count
        if near or done != len(self.records) or time.monotonic() - self._refreshed > LOOK_SECONDS:
            self.refresh()

    def _give_back(self) -> None:
        """What this home left running was interrupted, as the lock says; of others, what gives no sign of life."""
        import optuna
        from optuna.trial import TrialState as States

        trials = self._study.get_trials(deepcopy=False)  # of which only a few are changed, in a copy
        retried = _gone(trials)
        for trial in (each for each in trials if each.state is States.FAIL and each.number not in retried):
            # Killed between failing it and letting it wait again; another server may just be about to do so.
            lost = trial.user_attrs.get(PLACE) == self.place and _age(trial.datetime_complete) > STALE_SECONDS
            if not self.shared or lost:
                retry(self._study, deepcopy(trial))
        for trial in (each for each in trials if each.state is States.RUNNING):
            unclaimed = PLACE not in trial.user_attrs and _age(trial.datetime_start) > STALE_SECONDS
            if not self.shared or trial.user_attrs.get(PLACE) == self.place or unclaimed:
                with contextlib.suppress(optuna.exceptions.UpdateFinishedTrialError):  # another server was faster
                    self._fail_and_retry(deepcopy(trial))
        if self.shared:
            with quiet():
                optuna.storages.fail_stale_trials(self._study)

    def _count_running(self) -> int:
        from optuna.trial import TrialState as States

        return len(self._study.get_trials(deepcopy=False, states=(States.RUNNING,))) if self.shared else 0

    def _fail_and_retry(self, trial: FrozenTrial) -> None:
        from optuna.trial import TrialState as States

        self.storage.set_trial_state_values(trial._trial_id, States.FAIL)
        retry(self._study, trial)

    def _frozen(self) -> Sequence[FrozenTrial]:
        """All trials but those that went on as another one, in the order in which they first began."""
        trials = self._study.get_trials(deepcopy=False)
        gone = _gone(trials)
        return sorted((trial for trial in trials if trial.number not in gone), key=_first_number)

    def noted_runs(self) -> set[str]:
        """The runs of all trials, also of those that are interrupted. Raises StorageError."""
        trials = self.reach(lambda: self._study.get_trials(deepcopy=False))
        return {trial.user_attrs[RUN] for trial in trials if RUN in trial.user_attrs}

    def _read_records(self) -> list[TrialRecord]:
        return [self._record(at, trial) for at, trial in enumerate(self._frozen()) if trial.state.is_finished()]

    def _record(self, number: int, trial: FrozenTrial) -> TrialRecord:
        attributes, reason = trial.user_attrs, trial.user_attrs.get(REASON, "")
        values = trial.values or [None]
        reports = dict(sorted(trial.intermediate_values.items()))
        started, ended = trial.datetime_start, trial.datetime_complete
        state: TrialState = "failed" if reason or trial.state.name == "FAIL" else "pruned"
        return TrialRecord(
            trial=number,
            state="complete" if trial.state.name == "COMPLETE" else state,
            parameters=dict(trial.params),
            validation_accuracy=values[0] if trial.state.name != "FAIL" and not reason else None,
            run=attributes.get(RUN),
            reason=reason,
            second=values[1] if len(values) > 1 else None,
            seconds=(ended - started).total_seconds() if started and ended else None,
            ended=ended.timestamp() if ended else None,
            place=attributes.get(PLACE, ""),
            reports=reports,
        )

    @property
    def exhausted(self) -> bool:
        """Whether all points of a grid were tried."""
        import optuna

        sampler = make_sampler(self.config, len(self.records), self.place)
        return isinstance(sampler, optuna.samplers.GridSampler) and self.reach(
            lambda: sampler.is_exhausted(self._study) and not self._waiting()
        )

    def _waiting(self) -> bool:
        from optuna.trial import TrialState as States

        return bool(self._study.get_trials(deepcopy=False, states=(States.WAITING,)))

    def ask(self) -> Asked:
        """The next trial: one that was interrupted, else one that the searcher chooses. Raises StorageError."""
        config = self.config
        self._study.sampler = make_sampler(config, len(self.records), self.place)

        def ask() -> Asked:
            with quiet():
                trial = self._study.ask(distributions(config))
            if self.shared:
                self.storage.record_heartbeat(trial._trial_id)  # first: a trial with a place has one
                trial.set_user_attr(PLACE, self.place)
            if not self.shared and "failed_trial" not in self.storage.get_trial_system_attrs(trial._trial_id):
                return Asked(self, trial, len(self.records))
            return Asked(self, trial, [each.number for each in self._frozen()].index(trial.number))

        return self.reach(ask)

    def tell(self, asked: Asked, outcome: Outcome) -> TrialRecord:
        """Keep how a trial ended. Raises StorageError, GivenAway."""
        from optuna.trial import TrialState as States

        trial = asked._trial
        values: list[float] | None = None
        if outcome.state == "complete":
            assert outcome.validation_accuracy is not None
            values = [outcome.validation_accuracy, *([outcome.second or 0.0] if self.config.second else [])]

        def tell() -> FrozenTrial:
            there = self.storage.get_trial(trial._trial_id)
            if not there.state.is_finished():  # it may be where the database went away in between
                if outcome.reason:
                    trial.set_user_attr(REASON, outcome.reason)
                # A trial that failed would fail again: for the searcher it is pruned before its first epoch, which
                # counts as worst. Of a trial with the state FAIL it would learn nothing, and try the same corner again.
                state = States.COMPLETE if outcome.state == "complete" else States.PRUNED
                with contextlib.suppress(RuntimeError):  # a grid that is complete wants to end Optuna's own loop
                    self._study.tell(trial, values, state, skip_if_finished=True)
                there = self.storage.get_trial(trial._trial_id)
            if there.state is States.FAIL:
                raise GivenAway
            return there

        record = self._record(asked.number, self.reach(tell))
        self.records.append(record)
        self._append(record)
        return record

    def _append(self, record: TrialRecord) -> None:
        path = self.folder.path / TRIALS
        try:
            with open(path, "ab") as file:
                file.write(_line(record).encode())
        except OSError as error:
            raise storage_error(path, error) from None

    def put_back(self, asked: Asked) -> None:
        """Let a trial that was interrupted wait, to go on first when the study does. Raises StorageError, GivenAway."""
        trial = self.reach(lambda: self.storage.get_trial(asked._trial._trial_id))
        self.reach(lambda: self._fail_and_retry(trial))


def _line(record: TrialRecord) -> str:
    return strict_json(record.model_dump(mode="json", exclude_defaults=True)) + "\n"


def _gone(trials: Sequence[FrozenTrial]) -> set[int]:
    """The numbers of those that went on as another one."""
    return {number for trial in trials for number in trial.system_attrs.get("retry_history", ())}


def _age(moment: datetime | None) -> float:
    return time.time() - (moment.timestamp() if moment else 0)


def _first_number(trial: FrozenTrial) -> int:
    return trial.system_attrs.get("failed_trial", trial.number)
