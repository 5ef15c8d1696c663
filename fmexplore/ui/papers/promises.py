"""The robustness that a paper promises without measuring it, measured on the networks of all papers."""

import streamlit as st

from fmexplore.papers.promises import (
    COMMAND,
    PROMISED,
    SEVERITY,
    SOURCE,
    Measured,
    assess_promises,
    measured_systems,
)
from fmexplore.papers.reported import PRINTED
from fmexplore.papers.reproduction import read_reproduction
from fmexplore.papers.verdicts import TONES, AssessedClaim
from fmexplore.robustness.sheet import Tally
from fmexplore.ui import formatting, widgets
from fmexplore.ui.components.verdicts import verdict_table
from fmexplore.ui.formatting import num
from fmexplore.ui.papers.card import HEADS


def promised_robustness() -> None:
    """Each promised change with its verdict, and what each network recognises."""
    systems = measured_systems(read_reproduction)
    if not systems:
        st.info("Not measured yet. To train these networks and try them on changed images, run:")
        st.code(COMMAND, language=None)
        return
    claims = assess_promises(systems)
    st.subheader(_finding(claims, len(systems)), anchor=False)
    st.caption(
        f"{SOURCE} promises robustness to lighting, rotation and scale, and prints no network and no metric. Here: "
        f"{_which(systems)} on changed test images, at severity 3 of 5. A promise holds where each keeps nine tenths "
        "of what it recognises unchanged, and fails where none does; where it depends on the network, it cannot be "
        "known.",
        width=900,
    )
    rows = [(each.about, each.printed, each.found, each.verdict, each.reason) for each in claims]
    verdict_table(HEADS, rows, [TONES[each.verdict] for each in claims], key="promises")
    widgets.table([_row(each) for each in systems], hide_index=True, height="content")
    st.caption(_note(systems))


def _which(systems: list[Measured]) -> str:
    some = "" if len(systems) == len(PRINTED) else f"so far {len(systems)} of "
    return f"{some}the {len(PRINTED)} networks of the other papers"


def _finding(claims: list[AssessedClaim], count: int) -> str:
    fails, holds = (sum(each.verdict == verdict for each in claims) for verdict in ("fails", "holds"))
    said = f"Robustness was promised and never measured: of {len(claims)} changes"
    if fails:
        return f"{said} {fails} {'upset' if fails > 1 else 'upsets'} all of the {count} networks tried"
    return f"{said} all of the {count} networks tried bear {holds}"


def _row(each: Measured) -> dict[str, str]:
    row = {"System": each.system, "unchanged": _share(each.clean)}
    return row | {name: _share(each.changed[name]) + "*" * (name in each.hardened) for name in PROMISED}


def _share(tally: Tally) -> str:
    low, high = tally.interval
    return f"{num(100 * tally.accuracy):.1f} ({num(100 * low):.1f} to {num(100 * high):.1f})"


def _note(systems: list[Measured]) -> str:
    counts = sorted({each.clean.images for each in systems})
    n = " or ".join(f"{num(count):,}" for count in counts)
    said = (
        f"Accuracy in %, in brackets its 95 % interval; the first {n} test images, severity {SEVERITY}, one training "
        "each with seed 0."
    )
    if any(each.hardened for each in systems):
        said += " * trained with this change."
    if len(systems) < len(PRINTED):
        said += f" {len(PRINTED) - len(systems)} of {len(PRINTED)} systems are not measured yet: `{COMMAND}`"
    return formatting.unbroken(said)
