"""The claim checker: paste a summary, a report or a matrix, and see which figures cannot be true."""

import streamlit as st

from fmexplore.checker.results import Table
from fmexplore.checker.text import Checked, check_text, decode_text
from fmexplore.papers.reported import PRINTED, PublishedReport
from fmexplore.ui import formatting, messages
from fmexplore.ui.components.verdicts import VERDICT, verdict_table

MAX_MB = 1
TEXT, ACCURACY = "claim_text", "claim_accuracy"
WORDS = (
    "conv 32 3x3 valid relu | maxpool 2 | conv 64 3x3 valid relu | maxpool 2 | conv 128 3x3 valid relu | maxpool 2 | "
    "flatten | dense 256 relu | dense 256 relu | dense 512 relu | dense 10 softmax | total 590,346"
)


def _lists(report: PublishedReport) -> str:
    named = (("precision", report.precision), ("recall", report.recall), ("f1", report.f1))
    return "\n".join(f"{name} {' '.join(f'{value:.2f}' for value in values)}" for name, values in named)


def _rows(matrix: tuple[tuple[int, ...], ...]) -> str:
    return "\n".join(" ".join(f"{count:4d}" for count in row) for row in matrix)


def examples() -> dict[str, tuple[str, str]]:
    """Texts with a claimed accuracy, each from a paper."""
    report, matrix = PRINTED["team4-ann"].report, PRINTED["codered-final"].matrix
    assert report is not None
    assert matrix is not None
    return {
        "A network in words (CodeRed)": (WORDS, ""),
        "A report and the abstract's 89 % (Team 4)": (_lists(report), "89 %"),
        "A matrix and its accuracy (CodeRed)": (_rows(matrix), "91.68 %"),
    }


def claim_checker() -> None:
    """A text on the left, what follows from it on the right."""
    left, right = st.columns([46, 54], gap="large")
    with left:
        st.subheader("Paste the printed text", anchor=False)
        st.file_uploader(
            "A text file",
            ["txt", "log", "csv", "md"],
            max_upload_size=MAX_MB,
            key="claim_file",
            on_change=lambda: messages.act(_take_file),
            label_visibility="collapsed",
        )
        st.text_area(
            "A Keras or torchinfo summary, a classification report, a confusion matrix",
            key=TEXT,
            height=300,
            persist_state="session",
            placeholder="Layer (type)    Output Shape    Param #",
        )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.text_input(
                "Claimed accuracy (optional)",
                key=ACCURACY,
                placeholder="89 %",
                width=240,
                persist_state="session",
            )
            st.button("Check the text", type="primary")
        with st.container(horizontal=True, gap="small"):
            for name, (text, accuracy) in examples().items():
                st.button(name, on_click=_fill, args=(text, accuracy), type="tertiary")
    with right, messages.boundary():
        if st.session_state.get(TEXT, "").strip():
            _results(check_text(st.session_state[TEXT], st.session_state.get(ACCURACY) or None))
        else:
            st.subheader("Errors that can be proved appear here", anchor=False)
            st.write(
                "Shapes and parameters are recomputed layer by layer; sums, accuracy, precision, recall, F1 and "
                "their averages are recomputed as exactly as rounding allows. The examples come from papers."
            )


def _fill(text: str, accuracy: str) -> None:
    st.session_state[TEXT], st.session_state[ACCURACY] = text, accuracy


def _take_file() -> None:
    file = st.session_state.claim_file
    if file is not None:
        st.session_state[TEXT] = decode_text(file.getvalue(), file.name)


def _results(checked: Checked) -> None:
    wrong = sum(finding.status == "contradicts" for finding in checked.findings)
    what = " and ".join(checked.kinds)
    if wrong:
        title = f"{wrong} {'error' if wrong == 1 else 'errors'} in this {what}: the printed figures cannot be true"
    else:
        title = f"Nothing in this {what} contradicts itself"
    st.subheader(title, anchor=False)
    ordered = sorted(checked.findings, key=lambda finding: finding.status != "contradicts")
    rows = [(finding.status, finding.text) for finding in ordered]
    tones = [{"agrees": "good", "contradicts": "bad", "note": ""}[finding.status] for finding in ordered]
    verdict_table((VERDICT, "What was printed, and what follows"), rows, tones, key="claim_findings")
    for text in checked.unchecked:
        st.caption(formatting.unlinked(text))
    for number, table in enumerate(checked.tables):
        _table(table, number)


def _table(table: Table, number: int) -> None:
    st.markdown(f"**{formatting.plain(table.title)}**")
    filled = [place for place in range(len(table.columns)) if any(row[place] for row in table.rows)]
    rows = [{table.columns[place]: row[place] for place in filled} for row in table.rows]
    st.dataframe(rows, hide_index=True, key=f"claim_table_{number}", height="content" if len(rows) < 16 else 560)
