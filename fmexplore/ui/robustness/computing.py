"""Finding a run's sheet, or having it computed while what there is already is shown."""

from collections.abc import Callable

from fmexplore.analysis.client import Question
from fmexplore.robustness.sheet import Sheet
from fmexplore.runs.run import Run
from fmexplore.ui import computing, shared
from fmexplore.ui.selection import predictions as selected_predictions


def show_sheet(run: Run, split: str, show: Callable[[Sheet], None]) -> None:
    """Call `show` with the run's answers: once where all are kept, else again and again as more come."""

    def find() -> Sheet | None:
        found = shared.sheet(run, split)
        return found if found and found.whole else None

    def meanwhile(question: Question | None) -> None:
        located = selected_predictions.locate(run, split, shared.dataset())
        if question is None:
            if found := shared.sheet(run, split):
                show(found)
        elif question.partial is not None and located is not None:
            labels = shared.dataset().part(located.part).labels[located.numbers]
            show(Sheet(labels, question.partial["predicted"], question.partial["counts"]))

    computing.show_answer(
        ("sheet", str(run.path), split),
        find,
        lambda: shared.analyst().ask("measure_robustness", run=run, split=split),
        show,
        offer="Not all changed images were asked for.",
        act="Go on",
        meanwhile=meanwhile,
    )
