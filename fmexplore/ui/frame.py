"""What stands around every page: the run picker in the sidebar, and what the server does once."""

import streamlit as st

from fmexplore.errors import DataError, RunNotFound
from fmexplore.ui import cache, link, look, state, tour, widgets
from fmexplore.ui.components.address import name_run

# Others have none, or choose several themselves. Home only passes a run on.
WITH_RUN = "Home", "Train", "Confusions", "Embeddings", "Data", "Predict"
# On a phone the columns of a page become rows; where a page asks for it, the figure comes before its controls.
STYLE = """<style>
@media (max-width: 640px) {
  /* A little larger, so that what is pressed is 40 pixels high and no browser zooms into a field. */
  html { font-size: 16px !important; }
  [data-testid="stMainBlockContainer"] { padding-top: 4rem; }
  .st-key-figure_first [data-testid="stHorizontalBlock"]:first-of-type { flex-direction: column-reverse; }
  .st-key-figure_first [data-testid="stHorizontalBlock"] [data-testid="stHorizontalBlock"] { flex-direction: row; }
  [data-testid="stMain"] [data-testid="stHorizontalBlock"]:has(> [data-testid="stColumn"]) { row-gap: 1.5rem; }
  [data-testid="stMain"] [data-testid="stColumn"] { min-width: 100%; }
  [data-testid="stMain"] [data-testid="stButtonGroup"] [role="radiogroup"] { flex-wrap: wrap; gap: 4px; }
  [data-testid="stMain"] [data-testid="stButtonGroup"] button {
    margin: 0; min-height: 40px; padding: 0 0.6rem; border-radius: var(--st-button-radius, 8px);
  }
  [data-testid="stMain"] [data-testid="stButtonGroup"] [aria-checked="false"] {
    border: 1px solid light-dark(#dcdcd7, #363a43) !important;
  }
  :is([class*="st-key-door_"], :has(> [class*="st-key-door_"])) { height: auto !important; }
  [data-testid="stMain"] [data-testid="stPageLink"] a { min-height: 40px; }
  [data-testid="stMain"] .stPagination button { min-width: 34px; padding: 0; height: 40px; }
  [data-testid="stNumberInputContainer"] button { width: 36px; }
  [data-testid="stMarkdownContainer"] :is(th, td) { padding: 4px 6px; }
  [data-testid="stTooltipIcon"] button { position: relative; }
  [data-testid="stTooltipIcon"] button::after { content: ""; position: absolute; inset: -12px; }
  [class*="st-key-strip_"] { flex-direction: column; align-items: stretch; }
  [class*="st-key-strip_"] > * { flex-basis: auto; }
}
@media (min-width: 641px) {
  [data-testid="stMainBlockContainer"] { padding-left: 3rem; padding-right: 3rem; }
}
/* What stands in a row is equally high. */
[data-testid="stButtonGroup"] [data-variant="segmented_control"] { min-height: 2.5rem; }
[data-testid="stMain"] :is(h1, h2, h3) { text-wrap: balance; }
[data-testid="stSidebarHeader"]::before { content: "fmexplore"; font-size: 1.1rem; font-weight: 650; }
/* The accent on its own tint is too faint to read in the dark. */
[role="radio"][data-variant][aria-checked="true"] p { color: color-mix(in srgb, currentColor 40%, CanvasText); }
[data-testid="stCaptionContainer"] code { color: inherit; }
.st-key-details { margin-top: 1rem; }
/* What waits for its content takes no gap. */
[data-testid="stLayoutWrapper"]:has(> [data-testid="stVerticalBlock"]:empty) { display: none; }
.st-key-lead { display: none; }
.st-key-tour { border-color: light-dark(#3451c7, #4567ee); }
:is(.st-key-owner_component, .st-key-address_component, .st-key-lead_component) { position: absolute; }
/* Links look like links: where a word leads is seen before it is pointed at. */
[data-testid="stMain"] [data-testid="stPageLink"] a { padding-left: 0; background: none; }
[data-testid="stMain"] :is([data-testid="stPageLink"] p, button[kind="tertiary"]:enabled) {
  color: light-dark(#2f4bc4, #91a7ff);
}
[data-testid="stMain"] [data-testid="stPageLink"] a:hover p { text-decoration: underline; }
[data-testid="stMain"] [data-testid="stPageLink"] p::after { content: " →"; }
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
    # What floats lies outside the app, and would have the system's colours in place of the theme's.
    scheme = f"<style>:root {{ color-scheme: {st.context.theme.type or 'light dark'} }}</style>"
    st.html(STYLE + scheme + name)
    look.forget()
    link.follow()
    with widgets.boundary():
        state.ask_owner()
        _measure_once()
        state.keep_run()
        if page.title in WITH_RUN:
            with st.sidebar:
                _run_picker(page)
        if page.title != "Home":
            tour.bar(page.url_path)


def close() -> None:
    """What comes after the page: the link to it."""
    with st.sidebar:
        look.offer_link()


def _measure_once() -> None:
    if cache.queue().needs_measuring() and not st.session_state.get("asked_to_measure"):
        try:
            cache.dataset()
        except DataError:
            return
        st.session_state.asked_to_measure = True
        cache.later(cache.queue().submit, "measure")


def _run_picker(page) -> None:
    runs = {run.id: run for run in state.runs()}
    try:
        linked = state.run_in_link()
        shown = linked if page.title == "Home" else state.shown_run(state.FOR_PHOTOS if page.title == "Predict" else "")
    except RunNotFound:
        linked = shown = None
    if shown:
        runs.setdefault(shown.id, shown)
    if not runs:
        return
    texts = widgets.run_texts(runs.values())
    st.session_state["picked_run"] = shown.id if shown else None
    st.selectbox(
        "Run",
        list(texts),
        index=None,
        key="picked_run",
        format_func=texts.__getitem__,
        placeholder="Choose a run",
        on_change=_choose_on_home if page.title == "Home" else _choose,
    )
    if shown and not linked and page.title != "Home":
        st.session_state.named_run = shown.id
        name_run(page.url_path, shown.id)


def _choose() -> None:
    state.select_run(st.session_state.picked_run)


def _choose_on_home() -> None:
    if chosen := st.session_state.picked_run:
        link.lead(state.TRAIN_PAGE, run=chosen)
