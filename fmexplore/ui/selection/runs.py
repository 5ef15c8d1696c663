"""Which runs are compared, and what is known of each; the link is read as untrusted input."""

from collections.abc import Sequence
from dataclasses import dataclass

import streamlit as st

from fmexplore.errors import FMExploreError, RunNotFound
from fmexplore.evaluation.latency import Latency
from fmexplore.evaluation.predictions import Predictions
from fmexplore.models import table
from fmexplore.runs.run import Run
from fmexplore.runs.status import Status
from fmexplore.training.config import RunConfig
from fmexplore.training.differences import seed_groups
from fmexplore.ui import formatting, session, shared
from fmexplore.ui.selection import predictions as selected_predictions

MOST = 6
SUGGESTED = 5
WHOLE = ("epoch", "snapshot", "end")  # reports of all validation images, not of a few


@dataclass(frozen=True)
class Compared:
    """One of the runs that are compared."""

    run: Run
    name: str  # as none of the others is called
    config: RunConfig
    status: Status
    place: int  # among the runs: it gives the colour

    @property
    def parameters(self) -> int:
        return table.parameters(table.summarize(self.config.model))

    @property
    def flops(self) -> int:
        """Of one image, forward."""
        return table.flops(table.summarize(self.config.model))

    @property
    def answers(self) -> bool:
        """Whether its network can be asked about images: it has ended and left weights or predictions."""
        return "test" in selected_predictions.splits(self.run)

    @property
    def latency(self) -> Latency | None:
        return shared.latency(self.run)

    @property
    def validation(self) -> tuple[float, int] | None:
        """Accuracy on validation images and their number, at the end."""
        accuracy = self.status.reached.validation_accuracy
        located = selected_predictions.locate(self.run, "validation", shared.dataset())
        return None if accuracy is None or located is None else (accuracy, len(located.numbers))

    @property
    def training(self) -> tuple[float, int] | None:
        """Accuracy of the finished network on the images that it learnt from, and their number, where it is kept."""
        found = shared.predictions(self.run, "train") if self.answers else None
        return (found.accuracy, len(found)) if found else None

    def ask_test(self) -> Predictions:
        """Its predictions of the test images, computed where they are not kept. Raises FMExploreError."""
        return selected_predictions.show(
            self.run, "test", selected_predictions.moments(self.run, "test")[-1]
        ).predictions

    def ask_training(self) -> None:
        """Have `training` known. Raises FMExploreError."""
        selected_predictions.show(self.run, "train", selected_predictions.moments(self.run, "train")[-1])

    def points(self, metric: str, over: str) -> list[list[float]]:
        """A metric of the validation images, over `epochs` or `minutes`. Raises RunBroken."""
        lines = [line for line in shared.metrics(self.run) if line["kind"] in WHOLE and f"validation_{metric}" in line]
        return [
            [line["epoch"] if over == "epochs" else line["seconds"] / 60, line[f"validation_{metric}"]]
            for line in lines
        ]


def read_compared() -> tuple[list[Compared], list[str]]:
    """The runs in the link, and its problems."""
    named = list(dict.fromkeys(filter(None, st.query_params.get("runs", "").split(","))))
    problems, found = [], []
    if len(named) > MOST:
        problems.append(f"The link names {len(named)} runs, and at most {MOST} can be compared: take one out.")
    for run_id in named[:MOST]:
        try:
            run = shared.store().get(run_id)
            found.append((run, run.config, run.status, shared.metrics(run)))
        except RunNotFound as error:
            problems.append(f"{error} The link may be old, or the run was deleted; the others are shown.")
        except FMExploreError as error:
            problems.append(f"{error} It was left out.")
    names = formatting.tell_apart(run for run, *_ in found).values()
    return [
        Compared(run, name, config, status, place)
        for place, ((run, config, status, _), name) in enumerate(zip(found, names, strict=True))
    ], problems


def read_choices(chosen: Sequence[Compared]) -> dict[str, Run]:
    """The runs that can be chosen, by id: one's own, shipped ones, and those in the link."""
    return {run.id: run for run in [*session.runs(), *(each.run for each in chosen)] if session.is_whole(run)}


def suggest(choices: dict[str, Run], names: dict[str, str], chosen: Sequence[Compared]) -> list[tuple[str, list[str]]]:
    """Comparisons worth a look, as a text and run ids: seeds of one training, one's newest, shipped ones."""
    choices = {run_id: run for run_id, run in choices.items() if session.went_well(run)}
    own, shipped = ([run.id for run in choices.values() if run.shipped is kind] for kind in (False, True))
    # Those were trained for something else.
    shipped = [run_id for run_id in shipped if run_id != session.FOR_PHOTOS and not choices[run_id].hardening]
    groups = seed_groups([run.config for run in choices.values()])
    seeds = [[list(choices)[place] for place in group][:MOST] for group in groups]
    if chosen:
        first = chosen[0].run.id
        found = [group for group in seeds if first in group]
        found += [[first, other] for other in (*own[:2], *shipped) if other != first]
    else:
        found = [*seeds[:1], own[:2], [*own[:1], *shipped[:1]], shipped[:MOST]]
    unique = {frozenset(each): each for each in found if len(each) > 1}

    def text(some: list[str]) -> str:
        if some in seeds:
            return f"{len(some)} seeds of one training"
        return f"{', '.join(names[run_id] for run_id in some[:-1])} and {names[some[-1]]}"

    return [(text(each), each) for each in unique.values()][:SUGGESTED]
