"""What searching costs and brings: docs/tuning.md has the tables.

    .venv/bin/python -m benchmarks.tuning overhead [--postgres URL]  # trials a second, beside plain Optuna: a minute
    .venv/bin/python -m benchmarks.tuning searchers                  # grid, random, TPE, GP at the same steps: hours
    .venv/bin/python -m benchmarks.tuning pruning                    # steps saved and accuracy lost, five seeds: hours

Searchers and pruning train `quick` for `--epochs`, each on the same space; every search has the same number of trials,
so that without pruning all train as many images. Test accuracies are those of the winner with three new seeds.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fmexplore.jobs.job import Job
from fmexplore.jobs.queue import JobQueue
from fmexplore.runs.run import Run
from fmexplore.runs.store import RunStore
from fmexplore.runs.studies import StudyFolder
from fmexplore.settings import Settings
from fmexplore.training.presets import find_preset
from fmexplore.tuning.config import StudyConfig
from fmexplore.tuning.confirmation import judge, read_confirmations
from fmexplore.tuning.driver import Driver
from fmexplore.tuning.records import TrialRecord, best_of
from fmexplore.tuning.searchers import distributions, make_sampler
from fmexplore.tuning.space import parse_axes
from fmexplore.tuning.storage import BUSY_SECONDS, quiet
from fmexplore.tuning.studies import trials_of
from fmexplore.tuning.study import Outcome, Study

AXES = ("learning_rate=log:0.01:0.3", "batch_size=100:400", "label_smoothing=0:0.2")
GRID = ("learning_rate=log:0.01:0.3:4", "batch_size=100:400:3", "label_smoothing=0:0.2:2")
TRIALS, REPETITIONS, SEEDS = 24, 3, 5


def make_config(searcher: str, trials: int, **settings: Any) -> StudyConfig:
    """A study of `quick` on the space of these measurements."""
    base = find_preset("quick").config
    training = base.training.replace(seed=settings.pop("seed", 0), epochs=settings.pop("epochs", 1.7))
    space = parse_axes(list(GRID if searcher == "grid" else AXES))
    base = base.replace(training=training.model_dump(mode="json"))
    return StudyConfig.parse({"base": base, "space": space, "searcher": searcher, "trials": trials, **settings})


@contextmanager
def new_study(config: StudyConfig, url: str = "") -> Iterator[tuple[JobQueue, StudyFolder]]:
    """A study in a home of its own."""
    with tempfile.TemporaryDirectory() as home:
        queue = JobQueue(Settings(home=Path(home), studies=url))
        name = f"benchmark-{time.monotonic_ns()}"
        yield queue, queue.studies.create(name, config.model_dump(mode="json"), state="running")


def search(queue: JobQueue, folder: StudyFolder, train=None) -> list[TrialRecord]:
    """Search a study to its end."""
    job = Job(folder.path, queue.settings)
    with Study(folder, queue.settings) as study:
        job.end(Driver(job, study, RunStore(queue.settings), train=train).run())
    return trials_of(folder)


def time_ours(config: StudyConfig, url: str) -> float:
    """Trials a second of our driver with an objective that takes no time."""
    with new_study(config, url) as (queue, folder):
        job = Job(folder.path, queue.settings)
        with Study(folder, queue.settings) as study:
            driver = Driver(job, study, RunStore(queue.settings), train=lambda _: Outcome("complete", 0.5))
            started = time.perf_counter()
            driver.run()
            return len(study.records) / (time.perf_counter() - started)


def time_plain(config: StudyConfig, url: str) -> float:
    """Trials a second of Optuna's own loop."""
    import optuna

    drawn, trials = distributions(config), config.trials or 0
    with tempfile.TemporaryDirectory() as home, quiet():
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        options = {"pool_pre_ping": True} if url else {"connect_args": {"timeout": BUSY_SECONDS}}
        storage = optuna.storages.RDBStorage(url or f"sqlite:///{home}/study.db", engine_kwargs=options)
        name, sampler = f"plain-{time.monotonic_ns()}", make_sampler(config, 0)
        study = optuna.create_study(study_name=name, storage=storage, sampler=sampler, direction="maximize")

        def objective(trial: optuna.Trial) -> float:
            for each, distribution in drawn.items():
                trial._suggest(each, distribution)
            return 0.5

        started = time.perf_counter()
        study.optimize(objective, n_trials=trials)
        return trials / (time.perf_counter() - started)


def measure_overhead(trials: int, url: str, rounds: int) -> None:
    """Both in turn, so that what else the machine does meets both."""
    print("| storage | searcher | ours, trials/s | plain Optuna, trials/s | ratio, median of the rounds |")
    print("|---|---|---|---|---|")
    for storage, address in (("SQLite", ""), *([("PostgreSQL", url)] if url else [])):
        for searcher in ("random", "tpe"):
            config = make_config(searcher, trials)
            pairs = [(time_ours(config, address), time_plain(config, address)) for _ in range(rounds)]
            ours, plain = (statistics.median(times) for times in zip(*pairs, strict=True))
            ratio = statistics.median(mine / theirs for mine, theirs in pairs)
            print(f"| {storage} | {searcher} | {ours:.1f} | {plain:.1f} | {ratio:.2f} |", flush=True)


def steps_of(queue: JobQueue, trials: list[TrialRecord]) -> int:
    """Training steps of all trials."""
    lines = [Run(queue.store.folder / trial.run).read_metrics() for trial in trials if trial.run]
    return sum(each[-1]["step"] for each in lines if each)


def measure_searchers(trials: int, repetitions: int, epochs: float) -> None:
    """The paper's advice, tried: the same space and as many images seen."""
    print("| searcher | repetition | best validation by quarters | steps | winner's seeds, validation | test |")
    print("|---|---|---|---|---|---|")
    for searcher in ("grid", "random", "tpe", "gp"):
        for seed in range(repetitions):
            config = make_config(searcher, trials, seed=1000 * seed, epochs=epochs, confirm=3)
            with new_study(config) as (queue, folder):
                found = search(queue, folder)
                points = [best_of(found[: max(1, share * len(found) // 4)]) for share in (1, 2, 3, 4)]
                course = ", ".join(f"{each.validation_accuracy:.2%}" if each else "-" for each in points)
                verdict = judge(read_confirmations(folder))
                reached = f"{verdict.validation_accuracy:.2%} | {verdict.test_accuracy:.2%}" if verdict else "- | -"
                print(f"| {searcher} | {seed + 1} | {course} | {steps_of(queue, found):,} | {reached} |", flush=True)


def measure_pruning(trials: int, seeds: int, epochs: float) -> None:
    """The same random configurations with and without pruning."""
    print("| pruning | seed | steps saved | accuracy lost, points |")
    print("|---|---|---|---|")
    for seed in range(seeds):
        whole: tuple[int, float] | None = None
        for pruning in ("none", "median", "halving"):
            config = make_config("random", trials, seed=1000 * seed, epochs=epochs, pruning=pruning)
            with new_study(config) as (queue, folder):
                found = search(queue, folder)
                best, steps = best_of(found), steps_of(queue, found)
            accuracy = (best.validation_accuracy or 0.0) if best else 0.0
            whole = whole or (steps, accuracy)
            lost = 100 * (whole[1] - accuracy)
            print(f"| {pruning} | {seed + 1} | {1 - steps / whole[0]:.0%} | {lost:.2f} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["overhead", "searchers", "pruning"])
    parser.add_argument("--trials", type=int, default=0, help="of each study")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--epochs", type=float, default=0, help="of each trial")
    parser.add_argument("--postgres", default="", help="postgresql+psycopg://… of an empty database")
    given = parser.parse_args()
    if given.what == "overhead":
        measure_overhead(given.trials or 100, given.postgres, given.rounds or 5)
    elif given.what == "searchers":
        measure_searchers(given.trials or TRIALS, given.rounds or REPETITIONS, given.epochs or 1.7)
    else:
        measure_pruning(given.trials or TRIALS, given.rounds or SEEDS, given.epochs or 6)


if __name__ == "__main__":
    main()
