"""What people do with studies: start, extend, pause, resume, stop, delete and bring them back. Searches nothing itself.

Which of it a server allows whom is decided here, also in hosted mode.
"""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path

from fmexplore.errors import ConfigError, FMExploreError, NotAllowed, RunBroken
from fmexplore.jobs import limits
from fmexplore.jobs.queue import JobQueue
from fmexplore.models.table import summarize
from fmexplore.runs.status import (
    ACTIVE,
    LOCAL_OWNER,
    RESUMABLE,
    clear_requests,
    own_process,
    request,
    write_status,
)
from fmexplore.runs.studies import DATABASE, SHARED_COPY, StudyFolder, check_study_name
from fmexplore.settings import Settings
from fmexplore.tuning.config import StudyConfig
from fmexplore.tuning.records import KEPT, TrialRecord, best_of
from fmexplore.tuning.storage import is_shared, open_storage, patiently, shared_url, sqlite_url
from fmexplore.tuning.study import SETTINGS, Study


def config_of(study: StudyFolder) -> StudyConfig:
    """The settings of a study. Raises RunBroken."""
    try:
        return StudyConfig.parse(study.values)
    except FMExploreError as error:
        raise RunBroken(f"{study.path} is no study ({error}): delete it.") from None


def trials_of(study: StudyFolder) -> list[TrialRecord]:
    """The trials that have ended, in the order in which they began. Raises RunBroken."""
    try:
        return sorted(map(TrialRecord.parse, study.read_trials()), key=lambda record: record.trial)
    except ConfigError as error:
        raise RunBroken(f"{study.path} has a broken trial ({error}): resume it, which writes them anew.") from None


def check_allowed(queue: JobQueue, config: StudyConfig, owner: str) -> None:
    """Whether the owner may start such a study. Raises NotAllowed beyond a limit of this server, ConfigError."""
    settings = queue.settings
    config.check()
    limits.check_owner(settings, owner)
    _check_count(queue, owner)
    _check_budget(settings, config)
    address = queue.address()
    limits.check_queue(settings, owner, address, queue._trainings())
    limits.check_room(queue.store, owner, address)
    rows = summarize(config.base.model)
    limits.check_network(settings, config.base, rows)
    limits.check_disk(queue.store, owner, address, (KEPT + 1 + config.confirm) * limits.weights_mb(config.base, rows))


def _check_count(queue: JobQueue, owner: str) -> None:
    if most := queue.settings.max_studies:
        own = [each for each in queue.studies.all() if queue.studies.may_change(each, owner)]
        if len(own) >= most:
            raise NotAllowed(
                f"You keep {len(own)} studies, and this server keeps {most:g} for each of you: delete {own[-1].name} "
                "first."
            )


def _check_budget(settings: Settings, config: StudyConfig) -> None:
    most = settings.max_trials
    if most and (config.trials is None or config.trials > most):
        asked = "has no number of trials" if config.trials is None else f"has {config.trials} trials"
        raise NotAllowed(f"The study {asked}, and this server allows {most:g}: ask for fewer.")
    if settings.max_minutes and config.minutes and config.minutes > settings.max_minutes:
        raise NotAllowed(
            f"The study has {config.minutes:g} minutes, and this server allows {settings.max_minutes:g}: take fewer."
        )
    if settings.max_minutes and config.minutes == settings.max_minutes and config.confirm:
        raise NotAllowed(
            f"The study has {config.minutes:g} minutes, and this server allows {settings.max_minutes:g}: take fewer, "
            "as confirming the winner needs some too."
        )


def submit_study(queue: JobQueue, name: str, config: StudyConfig, owner: str = LOCAL_OWNER) -> StudyFolder:
    """Queue a new study. Raises NotAllowed, ConfigError, StorageError."""
    with queue.lock:
        check_allowed(queue, config, owner)
        values = config.model_dump(mode="json")
        return queue.studies.create(name, values, owner, address=queue.address())


def new_name(queue: JobQueue, preset: str) -> str:
    """A name that no study has: time, preset."""
    base = f"{time.strftime('%Y%m%d-%H%M%S')}-{preset}"[:50]
    taken = {study.name for study in queue.studies.all()}
    return next(name for name in (base, *(f"{base}-{count}" for count in range(2, 1000))) if name not in taken)


def extend_study(
    queue: JobQueue, study: StudyFolder, owner: str, trials: int | None, minutes: float | None, confirm: int = 0
) -> StudyConfig:
    """Allow so many more trials and minutes than a study has had, also while it searches.

    Raises NotAllowed, ConfigError, StorageError.
    """
    queue.studies.require_owner(study, owner)
    _learn_of_others(queue, study)
    with queue.lock:
        return _extend(queue, study, trials, minutes, confirm)


def begin_study(
    queue: JobQueue, study: StudyFolder, owner: str, trials: int | None, minutes: float | None, confirm: int = 0
) -> None:
    """Extend a study that nobody searches, and mark it as searched by this process.

    Raises NotAllowed while it waits or is searched, ConfigError, StorageError.
    """
    queue.studies.require_owner(study, owner)
    _require_idle(study)
    _learn_of_others(queue, study)
    with queue.lock:
        _require_idle(study)
        _extend(queue, study, trials, minutes, confirm)
        clear_requests(study.path)
        again = {"state": "running", "started": time.time(), "ended": None, "error": "", "message": ""}
        write_status(study.path, study.status.replace(**again, **own_process()))


def _require_idle(study: StudyFolder) -> None:
    if study.status.standing in ACTIVE:
        raise NotAllowed(f"The study {study.name} is {study.status.standing} already: pause or stop that first.")


def _learn_of_others(queue: JobQueue, study: StudyFolder) -> None:
    """Write trials.jsonl anew where other servers may have gone on with the study; a driver here does so itself."""
    if is_shared(queue.settings, study.path) and study.status.standing != "running":
        Study(study, queue.settings).close()


def _extend(
    queue: JobQueue, study: StudyFolder, trials: int | None, minutes: float | None, confirm: int
) -> StudyConfig:
    config = config_of(study).extend(trials, minutes, len(study.read_trials()), study.status.result.seconds)
    if confirm:
        config = config.replace(confirm=confirm)
    _check_budget(queue.settings, config)
    study.write_values(config.model_dump(mode="json"))
    return config


def resume_study(queue: JobQueue, study: StudyFolder, owner: str) -> None:
    """Queue a study again, to go on where it was, also one that is finished and was extended. Raises NotAllowed."""
    queue.studies.require_owner(study, owner)
    with queue.lock:
        status = study.status
        if status.standing in (*RESUMABLE, "finished"):
            limits.check_owner(queue.settings, owner)
            limits.check_queue(queue.settings, owner, queue.address(), queue._trainings())
            most = queue.settings.max_minutes
            if most and status.result.seconds >= 60 * most:
                raise NotAllowed(f"{study.name} has used its {most:g} minutes on this server: start a smaller study.")
            clear_requests(study.path)
            again = {"state": "queued", "queued": time.time(), "ended": None, "address": queue.address()}
            write_status(study.path, status.replace(**again, pid=None, error="", message=""))


def pause_study(queue: JobQueue, study: StudyFolder, owner: str) -> None:
    """Save what is under way and free the place; `resume_study` goes on. Raises NotAllowed."""
    _send(queue, study, owner, "PAUSE", "paused")


def stop_study(queue: JobQueue, study: StudyFolder, owner: str) -> None:
    """End the search; what is under way is saved. Raises NotAllowed."""
    _send(queue, study, owner, "STOP", "stopped")


def _send(queue: JobQueue, study: StudyFolder, owner: str, what, state: str) -> None:
    queue.studies.require_owner(study, owner)
    with queue.lock:
        status = study.status
        if status.state == "queued":
            write_status(study.path, status.replace(state=state, ended=time.time()))
        elif status.state == "running":
            request(study.path, what)


def delete_study(queue: JobQueue, study: StudyFolder, owner: str) -> None:
    """Move a study and its runs to the trash for a day. Raises NotAllowed while it runs, StudyNotFound, StorageError.

    One that several servers share is copied into its folder first, and is then gone for them too.
    """
    queue.studies.require_owner(study, owner)
    with suppress(RunBroken):
        if study.status.state == "running" and study.status.alive:
            raise NotAllowed(f"{study.name} is searching: pause or stop it first, then delete it.")
    if is_shared(queue.settings, study.path):
        _take_from_shared(queue.settings, study)
    with queue.lock:
        queue.studies.delete(study, owner)


def restore_study(queue: JobQueue, name: str, owner: str) -> StudyFolder:
    """Undo a deletion. Raises StudyNotFound when it is gone for good, NotAllowed."""
    with queue.lock:
        there = queue.studies.get_trashed(name, owner)
        _check_count(queue, owner)
        limits.check_room(queue.store, owner, queue.address())
    copy = there.path / SHARED_COPY
    if shared_url(queue.settings) and copy.exists():
        _give_to_shared(queue.settings, copy, name)
    with queue.lock:
        study = queue.studies.restore(name, owner)
    copy = study.path / SHARED_COPY
    if shared_url(queue.settings):
        copy.unlink(missing_ok=True)
    elif copy.exists():
        os.replace(copy, study.path / DATABASE)
    return study


def _take_from_shared(settings: Settings, study: StudyFolder) -> None:
    import optuna

    storage = open_storage(settings, study.path)
    target = study.path / SHARED_COPY

    def copy() -> None:
        target.unlink(missing_ok=True)  # half of it, where the database went away in between
        _copy(storage, sqlite_url(target), study.name)

    with suppress(KeyError):  # it was never begun
        patiently(copy)
        patiently(lambda: optuna.delete_study(study_name=study.name, storage=storage))


def _give_to_shared(settings: Settings, copy: Path, name: str) -> None:
    import optuna

    storage = open_storage(settings, settings.home)
    try:
        patiently(lambda: _copy(sqlite_url(copy), storage, name))
    except optuna.exceptions.DuplicatedStudyError:
        raise NotAllowed(f"There is a new study {name} in the database: delete that first.") from None


def _copy(source: object, target: object, name: str) -> None:
    import optuna

    optuna.copy_study(from_study_name=name, from_storage=source, to_storage=target)  # type: ignore[arg-type]


def join_shared(queue: JobQueue, name: str, owner: str = LOCAL_OWNER, **status: object) -> StudyFolder | None:
    """A folder here for a study that another server began in the shared database; None where there is none."""
    import optuna

    if not shared_url(queue.settings):
        return None
    check_study_name(name)
    storage = open_storage(queue.settings, queue.settings.home)

    def read() -> dict | None:
        if name not in optuna.get_all_study_names(storage):
            return None
        return optuna.load_study(study_name=name, storage=storage).user_attrs.get(SETTINGS)

    values = patiently(read)
    return queue.studies.create(name, values, owner, **status) if values else None


def summary_of(study: StudyFolder) -> dict[str, object]:
    """A study in a few values, for lists. Raises RunBroken."""
    config, status, trials = config_of(study), study.status, trials_of(study)
    best = best_of(trials)
    return {
        "study": study.name,
        "state": status.standing,
        "trials": len(trials),
        "of": config.trials,
        "searcher": config.searcher,
        "varied": list(config.space.axes),
        "validation_accuracy": best and best.validation_accuracy,
        "best_trial": best and best.trial,
        "seconds": status.result.seconds,
        "error": status.error,
    }
