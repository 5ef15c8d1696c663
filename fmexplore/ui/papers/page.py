"""The Papers page: every published system, its claims and our reproduction; the choice of other views."""

from collections.abc import Callable

import streamlit as st

from fmexplore.papers.claims import assess_claims
from fmexplore.papers.reported import MEASURES, PRINTED, Measure
from fmexplore.papers.reproduction import read_reproduction
from fmexplore.papers.verdicts import TONES, AssessedClaim
from fmexplore.training.published import SYSTEMS, System
from fmexplore.ui import messages, url, widgets
from fmexplore.ui.components.dumbbell import Row, dumbbell
from fmexplore.ui.papers.card import paper_card
from fmexplore.ui.papers.checker import claim_checker
from fmexplore.ui.papers.insights import networks_drawn, peeking_meter, remedies_drawn
from fmexplore.ui.papers.promises import promised_robustness

CLAIMS = "claims"
VIEWS: dict[str, tuple[str, Callable[[], None]]] = {
    "peeking": ("Peeking", peeking_meter),
    "remedies": ("What remedies cost", remedies_drawn),
    "robustness": ("Robustness", promised_robustness),
    "networks": ("All networks", networks_drawn),
    "check": ("Check a claim", claim_checker),
}
# What a row is about: the test accuracy or, where none is printed, the validation accuracy.
HEADLINES: tuple[Measure, ...] = ("test_accuracy", "validation_accuracy")


def papers() -> None:
    selection = url.read_link((CLAIMS, *VIEWS), names=("view",))
    system = widgets.choice_in_link("system", tuple(each.id for each in SYSTEMS)) or SYSTEMS[0].id
    messages.warn(selection.problems)
    names = {CLAIMS: "Claims", **{key: name for key, (name, _) in VIEWS.items()}}
    widgets.choose_view(names, selection.view, "papers_view")
    with messages.boundary():
        if selection.view == CLAIMS:
            _claims(system)
        else:
            VIEWS[selection.view][1]()


def _claims(system: str) -> None:
    assessed = {each.id: assess_claims(read_reproduction(each.id), read_reproduction) for each in SYSTEMS}
    rows = [_row(each, assessed[each.id]) for each in SYSTEMS]
    left, right = st.columns([46, 54], gap="large")
    with left:
        st.subheader(_finding(rows), anchor=False)
        st.caption("Accuracy on test images (Venkatesh: on validation images); band: counts as reproduced.")
        scale = min(row.printed for row in rows), max(row.printed for row in rows)
        measured = [row.mean for row in rows if row.mean is not None]
        low, high = min([*scale, *measured]) - 0.8, max([*scale, *measured]) + 0.8
        dumbbell(rows, "papers_systems", (low, high), system, lambda picked: url.go(system=picked), "Systems")
    with right, messages.boundary():
        paper_card(next(each for each in SYSTEMS if each.id == system), assessed[system])


def _row(system: System, assessed: list[AssessedClaim]) -> Row:
    measure = next(measure for measure in HEADLINES if measure in PRINTED[system.id].metrics)
    claim = next(each for each in assessed if each.measure == measure)
    assert claim.value is not None
    ours = claim.ours
    text = f"{system.id}: {MEASURES[measure].lower()}, printed {claim.printed}, here {claim.found or 'not trained yet'}"
    return Row(
        id=system.id,
        name=system.id,
        note=system.short,
        printed=claim.value,
        mean=ours.mean if ours else None,
        tolerance=ours.tolerance if ours else 0.0,
        verdict=claim.verdict,
        tone=TONES[claim.verdict],
        label=f"{text}: {claim.verdict}",
    )


def _finding(rows: list[Row]) -> str:
    tried = [row for row in rows if row.mean is not None]
    if not tried:
        return "No system has been reproduced yet"
    holds = sum(row.verdict == "holds" for row in tried)
    return f"{holds} of {len(tried)} printed accuracies were reproduced"
