"""Where a network looks: which pixels of one image speak for a class, by four methods, each with two checks."""

from functools import partial

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator as Container

from fmexplore.inside.attributions import FILLS, METHODS, SIDE, STANDARD, Attribution, Method, Occluder
from fmexplore.inside.cues import name_place
from fmexplore.runs.run import Run
from fmexplore.ui import asking, messages, shared, url, widgets
from fmexplore.ui.inside.choice import choose_image
from fmexplore.ui.inside.colours import enlarge
from fmexplore.ui.inside.heat import OUTLINE, short
from fmexplore.ui.inside.method import show_method
from fmexplore.ui.inside.seen import Seen
from fmexplore.ui.inside.target import Target, choose_target, say_target, target_in_link

ORDER: tuple[Method, ...] = ("gradient", "grad-cam", "integrated gradients", "occlusion")  # the quick ones first
FILL_NAMES = {"black": "black", "mean": "mean grey", "blurred": "blurred"}


def looks(run: Run, row: Container) -> None:
    """Draw the view, its choices into `row`."""
    seen = choose_image(run, row)
    with st.container(), messages.boundary():
        choices = st.container(horizontal=True, vertical_alignment="bottom", gap="small")
        logits = seen.ask_values()[seen.graph.logits]
        target, occluder = _find_target(seen, logits), _occluder_in_link()
        with choices:
            choose_target(target, "looks")
            _choose_occluder(occluder)
            if "class" in st.query_params or "against" in st.query_params:
                st.button("Predicted class", on_click=url.go, kwargs={"class": None, "against": None}, type="tertiary")
        st.subheader(seen.describe(logits), anchor=False)
        asking.follow("looks", _steps(seen, target, occluder), partial(_show, seen, target, occluder), "Cancelled.")


def _find_target(seen: Seen, logits: np.ndarray) -> Target:
    """The class in the link; else the predicted one, and where that is wrong, against the true one."""
    predicted = int(logits.argmax())
    return target_in_link(predicted, None if seen.label == predicted else seen.label)


def _occluder_in_link() -> Occluder:
    text = st.query_params.get("patch")
    patch = int(text) if text and text.isascii() and text.isdecimal() and len(text) < 3 else 0
    if text is not None and not 0 < patch <= SIDE:
        messages.warn([url.left_out("patch", text, f"a side from 1 to {SIDE} pixels")])
        patch = 0
    named = widgets.choice_in_link("fill", FILLS)
    fill = next((each for each in FILLS if each == named), STANDARD.fill)
    return Occluder(patch or STANDARD.patch, fill=fill)


def _choose_occluder(occluder: Occluder) -> None:
    st.session_state.looks_patch, st.session_state.looks_fill = occluder.patch, occluder.fill

    def choose() -> None:
        patch, fill = st.session_state.looks_patch, st.session_state.looks_fill
        url.go(patch=None if patch == STANDARD.patch else patch, fill=None if fill == STANDARD.fill else fill)

    st.number_input(
        "Patch",
        1,
        SIDE,
        key="looks_patch",
        width=120,
        on_change=choose,
        help="Side of the occlusion's patch in pixels.",
    )
    st.selectbox(
        "Patch shows",
        FILLS,
        format_func=FILL_NAMES.__getitem__,
        key="looks_fill",
        width=130,
        on_change=choose,
        help="Black is the background of this data set: a black patch hides nothing there, and makes holes elsewhere.",
    )


def _steps(seen: Seen, target: Target, occluder: Occluder) -> list[asking.Step]:
    """All maps first, then their checks."""
    options = {"patch": occluder.patch, "fill": occluder.fill}

    def key(method: Method, what: str) -> tuple:
        settings = tuple(options.values()) if method == "occlusion" else ()
        return *shared.folder_and_weights(seen.run), seen.key, target, method, what, settings

    def ask_map(method: Method, known: asking.Known):
        del known
        about = {"label": target.label, "against": target.against, **options}
        return shared.analyst().ask("attribute_image", run=seen.run, image=seen.image, method=method, **about)

    def ask_checks(method: Method, known: asking.Known):
        found = known.answers.get(method)
        if found is None:  # it failed, or there is no such map
            return None
        return shared.analyst().ask("check_image", run=seen.run, image=seen.image, found=found, **options)

    maps = [asking.Step(method, key(method, "map"), partial(ask_map, method)) for method in ORDER]
    checks = [asking.Step(f"{method}, checks", key(method, "checks"), partial(ask_checks, method)) for method in ORDER]
    return maps + checks


def _show(seen: Seen, target: Target, occluder: Occluder, known: asking.Known) -> None:
    with st.container(horizontal=True, vertical_alignment="top"):
        st.image(enlarge(seen.image[None], 6 * SIDE)[0], width=3 * SIDE, alt="The image that is explained")
        with st.container():
            st.markdown(f"**{_finding(target, known.answers.get('occlusion'))}**")
            margin = "" if target.against is None else "The margin is how much higher the logit is. "
            photo = "Explained is the photo alone, without its mirror image. " if seen.note else ""
            legend = "Attributions: orange speaks for it, blue against it; each map has its own scale."
            st.caption(f"{margin}{photo}{legend} {OUTLINE}")
    with st.container(key="looks_methods"):
        for column, method in zip(st.columns(len(METHODS), gap="small"), METHODS, strict=True):
            with column, messages.boundary():
                show_method(seen, target, occluder, method, known)


def _finding(target: Target, occlusion: Attribution | None) -> str:
    """What is explained, and once that is known, where covering it costs most."""
    what = say_target(target)
    if occlusion is None:
        return f"What speaks for {what}, by four methods"
    now = f"{what[0].upper()}{what[1:]} is {short(occlusion.score)}"
    heat = occlusion.heat
    if not np.isfinite(heat).all():
        return now
    if heat.max() <= 0:
        return f"{now}, and covering any pixel does not lower it on average"
    row, column = np.unravel_index(int(heat.argmax()), heat.shape)
    place = name_place(int(row), int(column), 1)
    return f"{now}. It falls most, on average by {short(float(heat.max()))}, where a patch covers the {place}"
