"""Finding a run's sheet, or having it computed while what there is already is shown."""

from collections.abc import Callable

from fmexplore.robustness.sheet import Sheet
from fmexplore.runs.run import Run
from fmexplore.ui import asking, shared
from fmexplore.ui.selection import predictions as selected_predictions


def show_sheet(run: Run, split: str, show: Callable[[Sheet], None]) -> None:
    """Call `show` with the run's answers: once where all are kept, else again and again as more come."""

    def find_whole() -> Sheet | None:
        found = shared.sheet(run, split)
        return found if found and found.whole else None

    def show_known(known: asking.Known) -> None:
        if found := known.answers.get("sheet") or _partial_sheet(run, split, known.partial) or shared.sheet(run, split):
            show(found)

    step = asking.Step(
        "sheet",
        (*shared.folder_and_weights(run), split),
        lambda _: shared.analyst().ask("measure_robustness", run=run, split=split),
        find_whole,
    )
    asking.follow("robustness", [step], show_known, "Not all changed images were asked for.")


def _partial_sheet(run: Run, split: str, partial: dict | None) -> Sheet | None:
    """What the question under way has found by now."""
    located = selected_predictions.locate(run, split, shared.dataset())
    if partial is None or located is None:
        return None
    labels = shared.dataset().part(located.part).labels[located.numbers]
    return Sheet(labels, partial["predicted"], partial["counts"])
