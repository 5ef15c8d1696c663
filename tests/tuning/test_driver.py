"""The driver with an objective that takes no time: which trials there are, how they end, how a study goes on."""

import errno
import os

import optuna
import pytest
from optuna.trial import TrialState

from fmexplore.errors import ConfigError, NotAllowed, StorageError
from fmexplore.jobs.job import Job
from fmexplore.jobs.queue import JobQueue
from fmexplore.runs.run import Run
from fmexplore.runs.status import own_process, read_status, request, write_status
from fmexplore.runs.studies import TRIALS
from fmexplore.settings import Settings
from fmexplore.tuning.confirmation import read_confirmations, write_confirmations
from fmexplore.tuning.driver import Driver, Interrupted
from fmexplore.tuning.records import best_of, pareto_front
from fmexplore.tuning.searchers import make_pruner
from fmexplore.tuning.studies import extend_study, trials_of
from fmexplore.tuning.study import Outcome, Study
from tests.tuning.conftest import hill


def drawn_values(trials) -> list[dict]:
    return [trial.parameters for trial in trials]


GAUSSIAN_PROCESS = pytest.param("gp", marks=pytest.mark.slow)


@pytest.mark.parametrize("searcher", ["random", "tpe", GAUSSIAN_PROCESS])
def test_a_study_has_the_trials_it_was_asked_for_and_knows_the_best(make, search, searcher):
    folder = make("learning_rate=log:0.001:1", "batch_size=16:64", "optimizer=adam,sgd", searcher=searcher, trials=12)
    trials = search(folder)
    assert [trial.trial for trial in trials] == list(range(12))
    assert {trial.state for trial in trials} == {"complete"}
    assert all(0.001 <= trial.parameters["learning_rate"] <= 1 for trial in trials)
    best = best_of(trials)
    assert best.validation_accuracy == max(trial.validation_accuracy for trial in trials)
    assert folder.status.state == "finished"
    assert folder.status.result.validation_accuracy == best.validation_accuracy
    assert "12 trials" in folder.status.message


@pytest.mark.slow
@pytest.mark.parametrize("searcher", ["random", "tpe", "gp", "grid"])
def test_the_same_seed_gives_the_same_trials_also_where_it_was_interrupted(make, search, queue, searcher):
    axes = ("learning_rate=log:0.001:1:4", "batch_size=16:64:4")
    whole = search(make(*axes, name="whole", searcher=searcher, trials=14))
    folder, seen = make(*axes, name="parts", searcher=searcher, trials=14), []

    def interrupted(asked):
        seen.append(asked.number)
        if len(seen) in (4, 9):
            raise KeyboardInterrupt  # nothing is noted, as after SIGKILL
        return hill(asked)

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            search(folder, interrupted)
        assert [trial.trial for trial in trials_of(folder)] == list(range(len(trials_of(folder))))
    parts = search(folder, interrupted)
    assert [trial.trial for trial in parts] == list(range(14))  # none lost, none counted twice
    assert seen == [0, 1, 2, 3, 3, 4, 5, 6, 7, 7, *range(8, 14)]
    if searcher == "grid":  # the order of what is left of a grid goes by Optuna's own numbers
        assert len({str(values) for values in drawn_values(parts)}) == 14
        assert drawn_values(parts)[:4] == drawn_values(whole)[:4]
    else:
        assert drawn_values(parts) == drawn_values(whole)
    other = make(*axes, name="other", searcher="random", trials=3)
    other.write_values({**other.values, "base": {**other.values["base"], "training": {"seed": 7}}})
    if searcher == "random":
        assert drawn_values(search(other)) != drawn_values(whole)[:3]


def test_a_grid_of_4_asked_for_50_ends_at_4_and_says_so(make, search):
    folder = make("learning_rate=0.1,0.2", "batch_size=16,32", searcher="grid", trials=50)
    trials = search(folder)
    assert sorted(map(str, drawn_values(trials))) == sorted(
        str({"learning_rate": rate, "batch_size": size}) for rate in (0.1, 0.2) for size in (16, 32)
    )
    expected = "The grid has 4 points and all were tried: 4 trials, fewer than the 50 asked for."
    assert (folder.status.state, folder.status.message) == ("finished", expected)
    assert len(search(folder)) == 4  # also when it is begun again


def test_a_grid_needs_no_number_of_trials(make, search):
    assert len(search(make("learning_rate=0.1,0.2,0.3", searcher="grid"))) == 3


def test_what_is_refused_or_fails_is_a_trial_with_its_reason_and_the_search_goes_on(make, search, linear):
    def refusing(asked):
        if asked.parameters["batch_size"] == 16:
            raise ConfigError("it cannot be built: use another.")
        return hill(asked) if asked.parameters["batch_size"] == 32 else Outcome("failed", reason="The loss became NaN.")

    trials = search(make("batch_size=16,32,64", searcher="grid"), refusing)
    assert {(trial.parameters["batch_size"], trial.state, trial.reason) for trial in trials} == {
        (16, "failed", "it cannot be built: use another."),
        (32, "complete", ""),
        (64, "failed", "The loss became NaN."),
    }
    assert best_of(trials).parameters == {"batch_size": 32}


def test_tpe_learns_to_avoid_a_corner_that_is_refused(make, search):
    """Optuna's FAIL would teach it nothing."""

    def refusing(asked):
        if asked.parameters["batch_size"] == 16:
            raise ConfigError("it cannot be built: use another.")
        return Outcome("complete", 0.9)

    trials = search(make("batch_size=16,32", trials=40), refusing)
    late = [trial for trial in trials[20:] if trial.state == "failed"]
    assert len(late) <= 4  # half of them, where nothing was learnt


def test_a_study_in_which_all_is_refused_ends_without_a_best(make, search):
    def refusing(asked):
        raise ConfigError("it cannot be built.")

    folder = make(trials=5)
    assert [trial.state for trial in search(folder, refusing)] == ["failed"] * 5
    assert best_of(trials_of(folder)) is None
    assert folder.status.state == "finished"


@pytest.mark.parametrize("pruning", ["median", "halving"])
def test_a_trial_that_is_behind_is_pruned_and_one_that_leads_is_not(make, search, pruning):
    epochs = []

    def curve(asked):
        top = 1 - abs(asked.parameters["learning_rate"] - 0.1)
        for epoch in range(1, 6):
            if asked.report(epoch, top * epoch / 6):
                epochs.append(epoch)
                return Outcome("pruned", top * epoch / 6)
        return Outcome("complete", top)

    trials = search(make(trials=20, pruning=pruning), curve)
    pruned = [trial for trial in trials if trial.state == "pruned"]
    assert len(pruned) == len(epochs) >= 4
    assert [len(trial.reports) for trial in pruned] == epochs
    assert [trial.validation_accuracy for trial in pruned] == [trial.reports[max(trial.reports)] for trial in pruned]
    whole = [trial.validation_accuracy for trial in trials if trial.state == "complete"]
    assert best_of(trials).validation_accuracy == max(whole) > 0.9


def test_nothing_is_pruned_by_default(make, search):
    def curve(asked):
        assert not any(asked.report(epoch, asked.number / 100) for epoch in range(1, 4))
        return Outcome("complete", 0.5)

    assert {trial.state for trial in search(make(trials=10), curve)} == {"complete"}


@pytest.mark.parametrize("searcher", ["random", "tpe", "grid"])
def test_a_second_objective_gives_a_pareto_front(make, search, searcher):
    def two(asked):
        size = asked.parameters["batch_size"]
        assert not asked.report(1, 0.1)
        return Outcome("complete", size / 100, 100 - size) if size != 48 else Outcome("complete", 0.1, 99)

    trials = search(make("batch_size=16,32,48,64", second="parameters", searcher=searcher, trials=12), two)
    front = pareto_front(trials)
    assert [trial.second for trial in front] == sorted(trial.second or 0 for trial in front)
    assert {trial.parameters["batch_size"] for trial in trials} - {t.parameters["batch_size"] for t in front} >= {48}


def test_pruning_with_a_second_objective_and_a_search_without_an_end_are_refused(make):
    with pytest.raises(ValueError, match="choose 'none'"):
        make(second="flops", pruning="median")
    with pytest.raises(ValueError, match="trials and minutes are missing"):
        make(trials=None)


def test_minutes_end_a_search_and_what_was_under_way_goes_on_when_it_is_extended(make, search, queue):
    folder, order = make(trials=None, minutes=0.001), []  # 60 ms

    def slow(asked):
        order.append(asked.number)
        if len(order) == 3:
            raise Interrupted  # as a training that was paused at the deadline
        return hill(asked)

    folder.write_values({**folder.values, "minutes": 10.0})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fmexplore.tuning.driver.Driver._out_of_time", lambda self: len(order) >= 3)
        assert len(search(folder, slow)) == 2
    assert folder.status.state == "finished"
    assert "minutes are over, after 2 trials" in folder.status.message
    extend_study(queue, folder, "local", trials=2, minutes=None)
    assert [trial.trial for trial in search(folder, slow)] == [0, 1, 2, 3]
    assert order == [0, 1, 2, 2, 3]


def test_a_study_is_extended_by_so_many_more_trials_and_goes_on_with_what_a_longer_one_would_have_had(
    make, search, queue
):
    whole = search(make(name="whole", trials=9))
    folder = make(trials=4)
    search(folder)
    assert extend_study(queue, folder, "local", trials=5, minutes=None).trials == 9
    assert drawn_values(search(folder)) == drawn_values(whole)
    with pytest.raises(ConfigError, match="by at least 1"):
        extend_study(queue, folder, "local", trials=0, minutes=None)


@pytest.mark.parametrize(("what", "state"), [("STOP", "stopped"), ("PAUSE", "paused")])
def test_a_study_ends_between_trials_when_it_is_asked_to_and_goes_on(make, search, what, state, monkeypatch):
    monkeypatch.setattr("fmexplore.jobs.job.CHECK_SECONDS", 0)
    folder = make(trials=5)

    def asking(ended):
        if ended.trial == 1:
            request(folder.path, what)

    assert len(search(folder, listen=asking)) == 2
    assert folder.status.state == state
    assert len(search(folder)) == 5


def test_a_study_is_searched_by_one_process_only(make, queue):
    folder = make()
    with Study(folder, queue.settings), pytest.raises(NotAllowed, match="searched by another process"):
        Study(folder, queue.settings)
    Study(folder, queue.settings).close()


def test_a_full_disk_ends_a_search_with_the_remedy_and_no_trial_is_lost(make, search, monkeypatch):
    folder, real = make(trials=5), open

    def full(path, *arguments, **options):
        if str(path).endswith(TRIALS) and len(trials_of(folder)) == 2:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(path, *arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr("builtins.open", full)
        with pytest.raises(StorageError, match=r"The disk is full.*free some space"):
            search(folder)
    assert [trial.trial for trial in search(folder)] == [0, 1, 2, 3, 4]


def test_a_database_that_is_full_is_a_full_disk(make, queue):
    folder = make()
    with Study(folder, queue.settings) as study:
        with study.storage.engine.connect() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar()

        def fill(connection, _):
            connection.execute(f"PRAGMA max_page_count = {pages}")

        from sqlalchemy import event

        study.storage.engine.dispose()
        event.listen(study.storage.engine, "connect", fill)

        def fill_up():
            for _ in range(2000):
                study.tell(study.ask(), Outcome("failed", reason="x" * 500))

        with pytest.raises(StorageError, match="The disk is full"):
            fill_up()


def test_a_server_that_allows_fewer_minutes_ends_a_search(make, home, search):
    folder = make(trials=50)

    def slow(asked):
        return hill(asked)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fmexplore.tuning.driver.Driver._limit", lambda self: "Stopped at this server's limit.")
        search(folder, slow)
    assert (folder.status.state, folder.status.message) == ("stopped", "Stopped at this server's limit.")
    assert JobQueue(Settings(home=home)).studies.get("mine") == folder


class StagedTrainer:
    """In place of the process that trains: each run that it is given ends in the next of `states`."""

    def __init__(self, *states: str) -> None:
        self.states, self.begun = list(states), []

    def begin(self, folder, tests) -> None:
        result = {"validation_accuracy": 0.5, "test_accuracy": 0.4 if tests else None, "measured": True}
        status = {"state": self.states.pop(0), "started": 1.0, "result": result}
        write_status(folder, read_status(folder).replace(**status))
        self.begun.append(folder.name)

    def read(self, seconds):
        return {"ended": ""}

    def close(self) -> None:
        pass


@pytest.fixture
def stage(queue):
    def stage(folder, *states: str):
        """Search with a staged trainer; the state of the study and the ids of the runs that were begun."""
        trainer = StagedTrainer(*states)
        job = Job(folder.path, queue.settings)
        with Study(folder, queue.settings) as study:
            driver = Driver(job, study, queue.store)
            driver.trainer = trainer  # type: ignore[assignment]
            state = driver.run()
        job.end(state)
        return state, trainer.begun

    return stage


def test_a_confirmation_that_was_stopped_goes_on_until_it_is_tested(make, stage):
    folder = make(trials=1, confirm=2)
    state, [_, first, second] = stage(folder, "finished", "finished", "stopped")
    assert state == "paused"  # as nobody has asked the study to end
    done, half = read_confirmations(folder)
    assert (done.run, done.test_accuracy, half.run, half.test_accuracy) == (first, 0.4, second, None)
    write_confirmations(folder, [done, half.replace(validation_accuracy=0.5)])  # as an earlier version noted it
    assert stage(folder, "finished") == ("finished", [second])
    assert [each.test_accuracy for each in read_confirmations(folder)] == [0.4, 0.4]


def test_a_trial_that_was_paused_by_itself_goes_on_with_the_same_run(make, stage):
    state, begun = stage(make(trials=2), "paused", "finished", "finished")
    assert (state, begun[0], len(set(begun))) == ("finished", begun[1], 2)


def test_a_run_that_its_process_has_not_left_yet_is_not_trained_beside_it(make, stage, queue, monkeypatch):
    monkeypatch.setattr("fmexplore.jobs.job.CHECK_SECONDS", 0)
    folder = make(trials=1, confirm=1)
    stage(folder, "finished", "stopped")
    run = Run(queue.store.folder / read_confirmations(folder)[0].run)
    write_status(run.path, run.status.replace(state="running", **own_process()))
    monkeypatch.setattr("fmexplore.tuning.driver.time.sleep", lambda _: request(folder.path, "PAUSE"))
    assert stage(folder) == ("paused", [])


def test_a_run_that_was_made_and_never_noted_is_removed_and_no_other(make, stage, queue, linear):
    folder = make(trials=1)
    orphan = queue.store.create(linear, state="interrupted", study="mine")
    others = [queue.store.create(linear, state="interrupted", study="other"), queue.store.create(linear)]
    _, [trained] = stage(folder, "finished")
    assert {run.id for run in queue.store.own_runs()} == {trained, *(run.id for run in others)}
    assert not orphan.path.exists()


def test_a_trial_that_was_failed_and_does_not_wait_as_all_was_killed_goes_on(make, search, queue):
    folder = make(trials=2)
    with Study(folder, queue.settings) as study:
        asked = study.ask()
        study.storage.set_trial_state_values(asked._trial._trial_id, TrialState.FAIL)
    with Study(folder, queue.settings) as study:
        assert study.records == []
        again = study.ask()
        assert again.parameters == asked.parameters
        study.put_back(again)
    assert [(trial.trial, trial.state) for trial in search(folder)] == [(0, "complete"), (1, "complete")]


@pytest.mark.parametrize("moment", ["report", "end", "interruption"])
def test_a_trial_that_another_server_has_taken_away_does_not_end_the_search(make, queue, moment):
    folder, taken = make(trials=3, pruning="median"), []
    with Study(folder, queue.settings) as study:

        def train(asked):
            if asked.number == 1 and not taken:
                taken.append(asked)
                study._fail_and_retry(study.storage.get_trial(asked._trial._trial_id))
                if moment == "interruption":
                    raise Interrupted
                if moment == "report":
                    asked.report(1, 0.5)
            return hill(asked)

        assert Driver(Job(folder.path, queue.settings), study, queue.store, train=train).run() == "finished"
    assert [(trial.trial, trial.state) for trial in trials_of(folder)] == [(n, "complete") for n in range(3)]


def test_the_winner_is_not_confirmed_while_another_server_may_find_a_better_one(make, queue):
    folder = make(trials=1, confirm=1)
    with Study(folder, queue.settings) as study:
        study.tell(study.ask(), Outcome("complete", 0.5))
        study.elsewhere = 1
        Driver(Job(folder.path, queue.settings), study, queue.store)._confirm()
    assert read_confirmations(folder) == []


def test_halving_compares_with_no_trial_that_was_interrupted():
    study = optuna.create_study(direction="maximize", pruner=make_pruner("halving"))
    better = study.ask()
    better.report(0.9, 1)
    assert not better.should_prune()  # it passes the first rung
    study._storage.set_trial_state_values(better._trial_id, TrialState.FAIL)
    trial = study.ask()
    trial.report(0.5, 1)
    assert not trial.should_prune()


def test_a_trial_for_which_the_disk_has_no_room_is_one_with_that_reason(make, stage, queue, home):
    queue.settings = Settings(home=home, max_disk_mb=0.01)  # a dense layer of 7,850 values takes 0.03
    queue.store.settings = queue.settings
    folder = make(trials=1)
    assert stage(folder) == ("finished", [])
    [trial] = trials_of(folder)
    assert (trial.state, "delete some of your runs" in trial.reason) == ("failed", True)
