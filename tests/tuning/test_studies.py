"""What people do with studies, whose they are, and what a server allows."""

import json
import time

import pytest

from fmexplore.errors import ConfigError, NotAllowed, RunBroken, StorageError, StudyNotFound
from fmexplore.jobs import limits
from fmexplore.jobs.dispatcher import Dispatcher
from fmexplore.jobs.queue import JobQueue
from fmexplore.jobs.retention import clean_up
from fmexplore.runs.run import Run
from fmexplore.runs.status import own_process, read_request, write_status
from fmexplore.runs.studies import count_as_one
from fmexplore.settings import Settings
from fmexplore.tuning.config import StudyConfig
from fmexplore.tuning.driver import Driver
from fmexplore.tuning.space import parse_axes
from fmexplore.tuning.storage import place_of, shared_url
from fmexplore.tuning.studies import (
    begin_study,
    config_of,
    delete_study,
    extend_study,
    new_name,
    pause_study,
    restore_study,
    resume_study,
    stop_study,
    submit_study,
    summary_of,
    trials_of,
)
from fmexplore.tuning.study import Study


@pytest.fixture
def config(linear) -> StudyConfig:
    return StudyConfig(base=linear, space=parse_axes(["learning_rate=0.01:0.1"]), trials=5)


@pytest.fixture
def hosted(home) -> JobQueue:
    return JobQueue(Settings(home=home, hosted=True, max_trials=30, max_studies=1, max_minutes=10, max_runs=3))


def trial_run(queue, study, owner="local", **status) -> Run:
    return queue.store.create(config_of(study).base, owner, study=study.name, **{"state": "finished", **status})


def test_a_study_waits_in_the_queue_like_a_training_and_takes_one_place(queue, config, monkeypatch):
    study = submit_study(queue, "mine", config)
    assert config_of(study) == config
    trial_run(queue, study, state="running")
    run = queue.submit_run(config.base)
    launched = []
    monkeypatch.setattr(Dispatcher, "_launch", lambda self, folder: launched.append(folder))
    Dispatcher(queue).tick()
    assert launched == [study.path]  # the run of its trial is not the queue's to start or to watch
    write_status(study.path, study.status.replace(state="running", started=time.time()))
    Dispatcher(queue).tick()
    assert launched == [study.path]
    assert queue.waiting() == [run.path]


def test_a_name_is_plain_and_taken_once(queue, config):
    for name in ("", "Mine", "../x", "-x", "a" * 61):
        with pytest.raises(ConfigError, match="lower-case letters, digits and hyphens"):
            submit_study(queue, name, config)
    name = new_name(queue, "quick")
    submit_study(queue, name, config)
    with pytest.raises(ConfigError, match="There is a study"):
        submit_study(queue, name, config)
    assert new_name(queue, "quick") != name
    with pytest.raises(StudyNotFound, match=f"did you mean {name}"):
        queue.studies.get(name + "x")
    with pytest.raises(StudyNotFound, match="study list"):
        queue.studies.get("../../etc")


def test_others_may_look_and_only_the_owner_may_change(hosted, config):
    study = submit_study(hosted, "mine", config, "me")
    assert summary_of(study)["study"] == "mine"
    assert (hosted.studies.may_change(study, "me"), hosted.studies.may_change(study, "you")) == (True, False)
    for act in (pause_study, stop_study, resume_study, delete_study):
        for owner in ("you", ""):
            with pytest.raises(NotAllowed, match="belongs to someone else: use its settings"):
                act(hosted, study, owner)
    with pytest.raises(NotAllowed, match="belongs to someone else"):
        extend_study(hosted, study, "you", 3, None)
    delete_study(hosted, study, "me")
    with pytest.raises(NotAllowed, match="belongs to someone else"):
        restore_study(hosted, "mine", "you")
    assert restore_study(hosted, "mine", "me") == study


def test_nobody_can_remove_what_someone_else_has_deleted_and_may_still_bring_back(hosted, config):
    study = submit_study(hosted, "mine", config, "ann")
    run = trial_run(hosted, study, "ann")
    delete_study(hosted, study, "ann")
    with pytest.raises(ConfigError, match="'mine' of someone else was deleted today: choose another name"):
        submit_study(hosted, "mine", config, "bob")
    foreign = trial_run(hosted, submit_study(hosted, "yours", config, "bob"), "bob")
    write_status(foreign.path, foreign.status.replace(study="mine"))
    restore_study(hosted, "mine", "ann")
    delete_study(hosted, study, "ann")
    assert foreign.path.is_dir()  # of bob, whatever study it names
    hosted.store.delete(foreign, "bob")
    delete_study(hosted, submit_study(hosted, "mine", config, "ann"), "ann")  # her own older one goes for good
    assert not (hosted.store.trash / run.id).exists()
    assert (hosted.store.trash / foreign.id).exists()


def test_a_server_allows_so_many_trials_minutes_and_studies_and_counts_a_study_as_one_run(hosted, config):
    for change, said in (({"trials": 31}, "has 31 trials, and this server allows 30"),
                         ({"trials": None, "minutes": 5}, "has no number of trials"),
                         ({"minutes": 11}, "has 11 minutes, and this server allows 10")):  # fmt: skip
        with pytest.raises(NotAllowed, match=said):
            submit_study(hosted, "mine", config.replace(**change), "me")
    with pytest.raises(NotAllowed, match="has no key"):
        submit_study(hosted, "mine", config, "")
    study = submit_study(hosted, "mine", config, "me")
    with pytest.raises(NotAllowed, match="delete mine first"):
        submit_study(hosted, "other", config, "me")
    submit_study(hosted, "yours", config, "you")
    with pytest.raises(NotAllowed, match="this server allows 30"):
        extend_study(hosted, study, "me", 31, None)
    for _ in range(8):
        trial_run(hosted, study, "me")
    assert count_as_one(hosted.store.own_runs()) == 1
    limits.check_room(hosted.store, "me", "")
    write_status(study.path, study.status.replace(state="stopped", result={"seconds": 601}))
    with pytest.raises(NotAllowed, match="has used its 10 minutes"):
        resume_study(hosted, study, "me")


def test_a_study_that_is_over_age_goes_whole_and_no_trial_goes_before_it(home, config):
    queue = JobQueue(Settings(home=home, max_age_days=7))
    studies = [submit_study(queue, name, config) for name in ("old", "young", "loved")]
    long_ago = time.time() - 8 * 86400
    runs = {study.name: [trial_run(queue, study, ended=long_ago) for _ in range(2)] for study in studies}
    for study in studies:
        ended = time.time() if study.name == "young" else long_ago
        write_status(study.path, study.status.replace(state="finished", ended=ended))
    queue.store.relabel(runs["loved"][0], "local", starred=True)
    clean_up(queue.studies, queue.jobs)
    assert {study.name for study in queue.studies.all()} == {"young", "loved"}
    assert {run.id for run in queue.store.own_runs()} == {run.id for name in ("young", "loved") for run in runs[name]}


def test_a_study_is_deleted_with_its_runs_and_brought_back_with_them(queue, config):
    study = submit_study(queue, "mine", config)
    own, other = [trial_run(queue, study) for _ in range(3)], queue.store.create(config.base, state="finished")
    write_status(study.path, study.status.replace(state="running", started=time.time()))
    with pytest.raises(NotAllowed, match="pause or stop it first"):
        delete_study(queue, study, "local")
    write_status(study.path, study.status.replace(state="finished"))
    delete_study(queue, study, "local")
    assert (queue.studies.all(), queue.store.own_runs()) == ([], [other])
    assert restore_study(queue, "mine", "local") == study
    assert {run.id for run in queue.studies.runs_of("mine")} == {run.id for run in own}
    delete_study(queue, study, "local")
    submit_study(queue, "mine", config)
    with pytest.raises(NotAllowed, match="There is a new study mine"):
        restore_study(queue, "mine", "local")
    with pytest.raises(StudyNotFound, match="cannot be brought back"):
        restore_study(queue, "never", "local")


def test_a_waiting_study_is_paused_at_once_and_a_running_one_is_asked(queue, config):
    study = submit_study(queue, "mine", config)
    pause_study(queue, study, "local")
    assert study.status.state == "paused"
    resume_study(queue, study, "local")
    assert study.status.state == "queued"
    write_status(study.path, study.status.replace(state="running"))
    stop_study(queue, study, "local")
    assert (study.status.state, read_request(study.path)) == ("running", "STOP")


def test_damaged_studies_say_which_file_and_hold_up_nobody(queue, config):
    study, whole = submit_study(queue, "mine", config), submit_study(queue, "whole", config)
    (study.path / "trials.jsonl").write_text('{"trial": 0, "state": "complete", "parameters": {}}\n{"trial": 1, "st')
    assert [trial.trial for trial in trials_of(study)] == [0]  # the last line was not finished
    for file, content, read in (
        ("trials.jsonl", "{}\n", trials_of),
        ("trials.jsonl", "[[\n", trials_of),
        ("study.json", "{}", config_of),
        ("status.json", "[]", lambda study: study.status),
    ):
        (study.path / file).write_text(content)
        with pytest.raises(RunBroken, match="mine"):
            read(study)
    assert queue.studies.all() == [whole, study]
    assert [folder for folder, _ in queue.scan()] == [whole.path]


def test_ten_thousand_trials_are_read_and_summed_up(queue, config):
    study = submit_study(queue, "mine", config.replace(trials=10_000))
    line = {"state": "complete", "parameters": {"learning_rate": 0.1}, "reports": {"1": 0.5}}
    lines = (json.dumps({"trial": n, "validation_accuracy": n / 10_000, **line}) + "\n" for n in range(10_000))
    (study.path / "trials.jsonl").write_text("".join(lines))
    summary = summary_of(study)
    assert (summary["trials"], summary["best_trial"], summary["validation_accuracy"]) == (10_000, 9999, 0.9999)


def test_a_run_that_a_full_disk_ended_ends_the_search_and_fails_no_trial(queue, config):
    study = submit_study(queue, "mine", config)
    run = trial_run(queue, study, state="failed", error="The disk is full, so x was not saved: free some space.")
    with pytest.raises(StorageError, match="The disk is full"):
        Driver._outcome(None, run)


def test_a_study_begun_in_a_file_stays_there_where_servers_share_a_database(queue, home, make, search):
    folder = make(trials=2, searcher="random")
    trials = search(folder)
    sharing = JobQueue(Settings(home=home, studies="postgresql+psycopg://me:secret@127.0.0.1:1/none"))  # answers nobody
    extend_study(sharing, folder, "local", 1, None)
    with Study(folder, sharing.settings) as study:
        assert (study.shared, study.records) == (False, trials)
    delete_study(sharing, folder, "local")
    assert restore_study(sharing, "mine", "local") == folder
    with Study(folder, sharing.settings) as study:
        assert study.records == trials
    (folder.path / "study.db").unlink()  # as if it had been begun in the shared one
    with pytest.raises(ConfigError, match="FMEXPLORE_STUDIES is not set"):
        Study(folder, queue.settings)
    assert trials_of(folder) == trials


def test_a_study_is_not_brought_back_beyond_what_a_server_keeps(hosted, config):
    study = submit_study(hosted, "mine", config, "me")
    delete_study(hosted, study, "me")
    submit_study(hosted, "other", config, "me")
    with pytest.raises(NotAllowed, match="delete other first"):
        restore_study(hosted, "mine", "me")
    assert not study.path.exists()


def test_a_study_whose_status_is_damaged_can_be_deleted(queue, config):
    study = submit_study(queue, "mine", config)
    (study.path / "status.json").write_text("[]")
    delete_study(queue, study, "local")
    assert not study.path.exists()


def test_braces_and_a_malformed_address_show_no_password_and_stop_nothing(tmp_path, config):
    home = tmp_path / "{home}"
    queue = JobQueue(Settings(home=home))
    study = submit_study(queue, "mine", config)
    Study(study, queue.settings).close()
    assert (study.path / "study.db").exists()
    with pytest.raises(ConfigError, match="write postgresql") as raised:
        shared_url(Settings(home=home, studies="postgresql+psycopg://u:se{c}ret@host:port/db"))
    assert "ret@" not in str(raised.value)


def test_a_study_that_is_searched_is_not_extended_by_who_wants_to_begin_it(queue, config):
    study = submit_study(queue, "mine", config)
    for status in ({"state": "queued"}, {"state": "running", **own_process()}):
        write_status(study.path, study.status.replace(**status))
        with pytest.raises(NotAllowed, match=f"The study mine is {status['state']} already: pause or stop that first"):
            begin_study(queue, study, "local", 10, None)
        assert config_of(study).trials == 5
    write_status(study.path, study.status.replace(state="paused", pid=None))
    begin_study(queue, study, "local", 10, None)
    assert (config_of(study).trials, study.status.alive) == (10, True)


def test_a_study_with_a_confirmation_leaves_it_some_of_the_minutes(hosted, config):
    config = config.replace(minutes=10)
    with pytest.raises(NotAllowed, match="take fewer, as confirming the winner needs some too"):
        submit_study(hosted, "mine", config.replace(confirm=1), "me")
    submit_study(hosted, "mine", config, "me")


def test_a_home_keeps_its_place_among_servers_wherever_it_is(tmp_path):
    first = place_of(Settings(home=tmp_path / "one"))
    (tmp_path / "one").rename(tmp_path / "moved")
    assert place_of(Settings(home=tmp_path / "moved")) == first != place_of(Settings(home=tmp_path / "other"))
