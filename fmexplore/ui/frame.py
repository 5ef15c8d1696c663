"""What stands around every page: the run picker in the sidebar, and what the server does once."""

import streamlit as st

from fmexplore.errors import DataError, RunNotFound
from fmexplore.ui import cache, state, widgets

# On a phone the columns of a page become rows; where a page asks for it, the figure comes before its controls.
STYLE = """<style>
@media (max-width: 640px) {
  .st-key-figure_first [data-testid="stHorizontalBlock"]:first-of-type { flex-direction: column-reverse; }
  .st-key-figure_first [data-testid="stHorizontalBlock"] [data-testid="stHorizontalBlock"] { flex-direction: row; }
  [class*="st-key-strip_"] { flex-direction: column; align-items: stretch; }
  [class*="st-key-strip_"] > * { flex-basis: auto; }
}
@media (min-width: 641px) {
  [data-testid="stMainBlockContainer"] { padding-left: 3rem; padding-right: 3rem; }
}
/* The accent on its own tint is too faint to read in the dark. */
[role="radio"][data-variant][aria-checked="true"] p { color: color-mix(in srgb, currentColor 40%, CanvasText); }
.st-key-owner_component { position: absolute; }
.st-key-confirm_delete button { background: var(--st-red-color, #c92a2a); border-color: transparent; color: #fff; }
[class*="st-key-verdict_"] [data-testid="stPageLink"] p { white-space: normal; text-align: left; }
.runs-table { overflow-x: auto; }
.runs-table table { border-collapse: collapse; width: 100%; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
.runs-table :is(th, td) {
  border-bottom: 1px solid color-mix(in srgb, currentColor 12%, transparent);
  min-width: 7.5rem; padding: 6px 16px 6px 0; text-align: left; vertical-align: top; font-weight: 400;
}
.runs-table thead th { font-weight: 600; }
.runs-table tbody th { opacity: 0.75; }
.runs-table i { display: inline-block; width: 8px; height: 8px; border-radius: 50%; margin-right: 6px; }
.page-name { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); margin: 0; }
</style>"""


def show(page) -> None:
    """Draw the sidebar of `page`, and see that this machine's speed gets measured."""
    # Where the title of a page is its finding, the page's name is still there for those who listen.
    name = "" if page.title == "Home" else f"<h1 class='page-name'>{page.title}</h1>"
    st.html(STYLE + name)
    with widgets.boundary():
        state.ask_owner()
        _measure_once()
        if page.title != "Compare runs":  # it has several, which it chooses itself
            with st.sidebar:
                _run_picker(page)


def _measure_once() -> None:
    if cache.queue().needs_measuring() and not st.session_state.get("asked_to_measure"):
        try:
            cache.dataset()
        except DataError:
            return
        st.session_state.asked_to_measure = True
        cache.later(cache.queue().submit, "measure")


def _run_picker(page) -> None:
    owner = state.owner()
    runs = {run.id: run for run in [*cache.store().owned_by(owner), *cache.store().shipped_runs()]}
    try:
        linked = state.run_in_link()
        shown = linked if page.title == "Home" else state.shown_run(state.FOR_PHOTOS if page.title == "Predict" else "")
    except RunNotFound:
        linked = shown = None
    if shown:
        runs.setdefault(shown.id, shown)
    if not runs:
        return
    ids = list(runs)
    st.session_state["picked_run"] = shown.id if shown else None
    st.selectbox(
        "Run",
        ids,
        index=None,
        key="picked_run",
        format_func=lambda run_id: widgets.run_text(runs[run_id]),
        placeholder="Choose a run",
        on_change=lambda: state.select_run(st.session_state.picked_run),
    )
    if linked and page.title == "Home":
        st.switch_page(state.TRAIN_PAGE, query_params={"run": linked.id})
