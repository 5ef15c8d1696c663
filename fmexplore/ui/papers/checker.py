"""The claim checker: paste a summary, a report or a matrix, and see line by line what was recomputed and what is wrong.

A short text is in the link, so that it can be sent and Back returns to the one before.
"""

import streamlit as st

from fmexplore.checker.process import check_apart
from fmexplore.checker.results import Finding, Table, ranges
from fmexplore.checker.scores import Axis
from fmexplore.checker.text import Checked, lines_of
from fmexplore.textfiles import decode_text
from fmexplore.ui import formatting, messages, shared, url, widgets
from fmexplore.ui.components.marked_text import marked_text
from fmexplore.ui.components.verdicts import VERDICT, verdict_table
from fmexplore.ui.formatting import num
from fmexplore.ui.papers.examples import format_examples, paper_examples

MAX_MB = 1
MOST_IN_LINK = 2_000  # characters
MOST_SHOWN = 1_000  # lines
TEXT, ACCURACY, ROWS, LINKED = "claim_text", "claim_accuracy", "claim_rows", "claim_linked"
AXES = {None: "as the text says", "true": "true classes", "predicted": "predictions"}
SAID = {"agrees": "agrees", "contradicts": "impossible", "note": "not judged"}
TONES = {"agrees": "good", "contradicts": "bad", "note": "unknown"}


def claim_checker() -> None:
    """A text on the left, what follows from it on the right."""
    _take_link()
    left, right = st.columns([46, 54], gap="large")
    with left:
        st.subheader("Paste the printed text", anchor=False)
        st.file_uploader(
            "A text file",
            ["txt", "log", "csv", "tsv", "md"],
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
            on_change=_put_into_link,
        )
        with st.container(horizontal=True, vertical_alignment="bottom"):
            st.text_input(
                "Claimed accuracy (optional)",
                key=ACCURACY,
                placeholder="89 %",
                width=240,
                persist_state="session",
                on_change=_put_into_link,
            )
            st.selectbox(
                "Rows of a matrix are",
                [None, "true", "predicted"],
                key=ROWS,
                format_func=lambda rows: AXES[rows],
                width=180,
                persist_state="session",
            )
            st.button("Check the text", type="primary", on_click=_put_into_link)
        with st.container(horizontal=True, vertical_alignment="bottom"):
            _offer("Try a format", format_examples(), "claim_format")
            _offer("Try what a paper prints", paper_examples(), "claim_paper")
    with right, messages.boundary():
        if st.session_state.get(TEXT, "").strip():
            text, claimed = st.session_state[TEXT], st.session_state.get(ACCURACY) or None
            _results(_check(text, claimed, st.session_state.get(ROWS)), text)
        else:
            st.subheader("Errors that can be proved appear here", anchor=False)
            st.write(
                "Shapes and parameters are recomputed layer by layer; sums, accuracy, precision, recall, F1 and "
                "their averages are recomputed as exactly as rounding allows. What the text does not say stays open: "
                "only what nothing could make true is called impossible."
            )


@shared.keep(64)
def _check(text: str, accuracy: str | None, rows: Axis | None) -> Checked:
    return check_apart(text, accuracy, rows)


def _offer(label: str, examples: dict[str, tuple[str, str]], key: str) -> None:
    def fill() -> None:
        if name := st.session_state[key]:
            st.session_state[TEXT], st.session_state[ACCURACY] = examples[name]
            st.session_state[key] = None
            _put_into_link()

    st.selectbox(label, list(examples), index=None, key=key, on_change=fill, placeholder="Choose one", width=280)


def _take_link() -> None:
    """Put the text of the link into the field when the link has changed, as by Back."""
    linked = (st.query_params.get("text"), st.query_params.get("claimed"))
    before = st.session_state.get(LINKED, (None, None))
    if linked == before:
        return
    stays = "claim_format" in st.session_state  # coming from another view, a link without a text leaves what is there
    if linked[0] is not None or (stays and st.session_state.get(TEXT) == before[0]):
        st.session_state[TEXT], st.session_state[ACCURACY] = linked[0] or "", linked[1] or ""
    st.session_state[LINKED] = linked


def _put_into_link() -> None:
    """Put a short text into the link, and take it out for a long one."""
    text, accuracy = st.session_state.get(TEXT) or None, st.session_state.get(ACCURACY) or None
    short = bool(text) and len(text or "") <= MOST_IN_LINK
    st.session_state[LINKED] = (text, accuracy) if short else (None, None)
    url.go(text=text if short else None, claimed=accuracy if short else None)


def _take_file() -> None:
    file = st.session_state.claim_file
    if file is not None:
        st.session_state[TEXT] = decode_text(file.getvalue(), file.name)
        _put_into_link()


def _results(checked: Checked, text: str) -> None:
    st.subheader(_title(checked), anchor=False)
    if checked.verdict == "unknown":
        for each in checked.unchecked:
            st.write(formatting.unlinked(each))
    _marked(checked, lines_of(text))
    order = ("contradicts", "agrees", "note")
    findings = sorted(checked.findings, key=lambda finding: order.index(finding.status))
    if findings:
        rows = [(SAID[each.status], _told(each)) for each in findings]
        tones = [TONES[each.status] for each in findings]
        verdict_table((VERDICT, "What was printed, and what follows"), rows, tones, key="claim_findings")
    for each in checked.unchecked if checked.verdict != "unknown" else ():
        st.caption(formatting.unlinked(each))
    for number, table in enumerate(checked.tables[:12]):
        _table(table, number)


def _title(checked: Checked) -> str:
    what = " and ".join(dict.fromkeys(checked.kinds))
    wrong = sum(finding.status == "contradicts" for finding in checked.findings)
    if wrong:
        errors = f"{wrong} {'error' if wrong == 1 else 'errors'}"
        return f"It contradicts itself: {errors} in this {what} that no reading makes true"
    if checked.verdict == "consistent":
        return f"Consistent: what could be recomputed in this {what} agrees"
    return f"It cannot be judged: nothing printed in this {what or 'text'} could be recomputed"


def _marked(checked: Checked, lines: list[str]) -> None:
    """The text with a mark on each line that was recomputed, and with the sum for those who point at it."""
    tones, told = [""] * len(lines), [""] * len(lines)
    for finding in sorted(checked.findings, key=lambda each: each.status == "contradicts"):
        for line in finding.lines:
            if line < len(lines):
                tones[line] = {"agrees": "good", "contradicts": "bad"}.get(finding.status, tones[line])
                told[line] = f"{told[line]}\n{_told(finding)}".strip()[:600]
    shown = min(len(lines), MOST_SHOWN)
    label = "The text, with the lines marked that agree or contradict"
    marked_text(lines[:shown], tones[:shown], told[:shown], key="claim_marked", label=label)
    more = f" The first {num(shown):,} of {num(len(lines)):,} lines are shown." if shown < len(lines) else ""
    st.caption(f"✓ recomputed, and agrees · ✗ impossible · grey: not judged.{more}")


def _told(finding: Finding) -> str:
    """What is found, with its lines before it and the sum behind it."""
    what = "Lines" if len(finding.lines) > 1 else "Line"
    where = f"{what} {ranges(finding.lines)}: " if finding.lines else ""
    return f"{where}{finding.text} {finding.proof}".strip()


def _table(table: Table, number: int) -> None:
    st.markdown(f"**{formatting.plain(table.title)}**")
    filled = [place for place in range(len(table.columns)) if any(row[place] for row in table.rows)]
    rows = [{table.columns[place]: row[place] for place in filled} for row in table.rows]
    widgets.table(rows, hide_index=True, key=f"claim_table_{number}", height="content" if len(rows) < 16 else 560)
