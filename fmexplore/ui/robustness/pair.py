"""A run and the one that was trained against a change of its images: which they are, and what that gained and cost."""

from collections.abc import Iterable
from dataclasses import dataclass

import streamlit as st

from fmexplore.errors import FMExploreError
from fmexplore.evaluation.significance import PairedComparison, say_p
from fmexplore.robustness.changes import CHANGES
from fmexplore.robustness.sheet import CLEAN, Row
from fmexplore.runs.run import Run
from fmexplore.ui import formatting, shared, url
from fmexplore.ui.formatting import num
from fmexplore.ui.robustness.words import phrase


@dataclass(frozen=True)
class Pair:
    """A run, and the one whose training is the same with `change` among its augmentations."""

    before: Run
    after: Run
    change: str

    def other(self, run: Run) -> Run:
        """The one of the two that is not `run`."""
        return self.after if run == self.before else self.before


def pairs_of(run: Run, others: Iterable[Run]) -> list[Pair]:
    """The pairs that a run is one of, with its other one among `others`."""
    found = []
    for other in others:
        for before, after in ((run, other), (other, run)):
            known = after.hardening
            if known and known.parent == before.id and known.change in CHANGES:
                found.append(Pair(before, after, known.change))
    return found


def pair_in_link(run: Run, beside: Iterable[str]) -> Pair | None:
    """The pair that the shown run and one of those beside it are."""
    others = []
    for run_id in beside:
        try:
            others.append(shared.store().get(run_id))
        except FMExploreError:  # told where it is left out
            continue
    return next(iter(pairs_of(run, others)), None)


def offer_pair(run: Run, choices: Iterable[Run]) -> None:
    """A button that puts beside the run what was trained against a change of its images, or what that began from."""
    found = pairs_of(run, choices)
    pair = next((each for each in found if each.change == st.query_params.get("change")), next(iter(found), None))
    if pair is None:
        return
    other = pair.other(run)
    name = formatting.plain(other.title)
    about = f"trained against {pair.change}" if run == pair.before else f"not trained against {pair.change}"
    label = f"Put {name} beside it, {about}"
    go = {"beside": other.id, "change": pair.change, "severity": None, "image": None}
    st.button(label, key="robustness_pair", on_click=lambda: url.go(**go))


def pair_finding(pair: Pair, split: str, row: Row) -> str | None:
    """What training against the change gained or lost at that row, and on unchanged images; None until it is known."""
    found = shared.compared_sheets(pair.before, pair.after, split, (CLEAN, row))
    if found is None:
        return None
    return formatting.unbroken(
        f"Training against {pair.change} {_effect(found[row], f'on images {phrase(row)}')} and "
        f"{_effect(found[CLEAN], 'on unchanged ones')}"
    )


def _effect(found: PairedComparison, where: str) -> str:
    """As in "gained 31.0 ± 1.1 points on images mirrored (p < 0.0001)"."""
    points = (
        f"{num(100 * abs(found.gain)):.1f}\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{num(100 * found.margin):.1f} points"
    )
    said = say_p(found.p_value) if found.significant else f"not significant, {say_p(found.p_value)}"
    return f"{'gained' if found.gain >= 0 else 'lost'} {points} {where} ({said})"
