"""One method that says where a network looks: its map, what may be read into it, and whether it can be believed."""

import numpy as np
import streamlit as st

from fmexplore.inside.attributions import TOLERANCE, Attribution, Method, Occluder
from fmexplore.inside.checks import DRAWS, SAME, Checks, Deletion, Similarity
from fmexplore.inside.cues import name_place
from fmexplore.ui import asking, formatting
from fmexplore.ui.charts import template
from fmexplore.ui.charts.deletion import deletion_chart
from fmexplore.ui.components.heat_map import Heat, heat_map
from fmexplore.ui.formatting import num
from fmexplore.ui.inside.heat import make_heat, short
from fmexplore.ui.inside.seen import Seen
from fmexplore.ui.inside.target import Target, say_target

NAMES: dict[Method, str] = {
    "gradient": "Gradient",
    "integrated gradients": "Integrated gradients",
    "grad-cam": "Grad-CAM",
    "occlusion": "Occlusion",
}
SAYS: dict[Method, str] = {
    "gradient": "Where a little more brightness would raise {what}.",
    "integrated gradients": "What each pixel adds to {what}, compared with a black image.",
    "grad-cam": "Which regions of the last large feature map raise {what}; the highest is 1.",
    "occlusion": "By how much {what} falls when a patch of {patch} x {patch} pixels covers the place.",
}
NOT: dict[Method, str] = {
    "gradient": "It tells of tiny changes only, not how much a pixel counts for the prediction.",
    "integrated gradients": "Black pixels always get 0, so it cannot show that something missing counts.",
    "grad-cam": "Its borders are not exact, as a small map is blurred up, and it shows nothing that speaks against it.",
    "occlusion": "A covered image is unlike all that the network has learnt from: try another patch too.",
}
LITTLE = 0.05  # a probability that has hardly any way to fall


def show_method(seen: Seen, target: Target, occluder: Occluder, method: Method, known: asking.Known) -> None:
    """All of one method, as far as it is known."""
    st.markdown(f"**{NAMES[method]}**")
    found: Attribution | None = known.answers.get(method)
    if method in known.answers and found is None:
        st.caption("Grad-CAM needs a feature map of at least 5 x 5 after a convolution, and this network has none.")
        return
    checks: Checks | None = known.answers.get(f"{method}, checks")
    maps = [Heat("trained") if found is None else make_heat("trained", found.heat, seen.image)]
    scrambled = Heat("weights scrambled", minor=True)
    if checks:
        scrambled = make_heat("weights scrambled", checks.scrambled, seen.image, minor=True)
    heat_map([*maps, scrambled], f"looks_{method}")
    with st.container(key=f"looks_curve_{method}"):
        if checks and _is_known(checks.deletion):
            chart = deletion_chart(checks.deletion.shares, checks.deletion.curve, checks.deletion.random)
            alt = f"Deletion curve of {method}. {say_deletion(checks.deletion)}"
            template.draw(chart, key=f"looks_deletion_{method}", height=190, alt=alt)
    words = SAYS[method].format(what=say_target(target), patch=occluder.patch)
    st.caption(f"{words} {NOT[method]}")
    if found:
        st.caption(_say_heat(found))
    if checks:
        st.caption(f"**Scrambled weights:** {say_similarity(checks.similarity)}")
        st.caption(f"**Deletion curve:** {say_deletion(checks.deletion)}")


def _say_heat(found: Attribution) -> str:
    """Where it is highest and lowest; of integrated gradients also whether they add up."""
    heat = found.heat
    if not np.isfinite(heat).all():
        return "The map holds values that are not numbers, so it is not drawn."
    if not heat.any():
        return "The map is 0 everywhere: by this method nothing speaks for it."
    parts = [f"Highest, {short(float(heat.max()))}, at the {_place_of(heat.argmax())}"]
    if heat.min() < 0:
        parts.append(f"lowest, {short(float(heat.min()))}, at the {_place_of(heat.argmin())}")
    said = f"{'; '.join(parts)}."
    return said if found.error is None else f"{said} {say_completeness(found)}"


def say_completeness(found: Attribution) -> str:
    """Whether integrated gradients add up to the difference from a black image."""
    assert found.error is not None
    error, steps = found.error, f"{num(found.steps):,} steps"
    total = short(float(found.heat.sum()))
    if not np.isfinite(error):
        return "Whether they add up cannot be known: the network's outputs are not all numbers."
    off = "less than 0.1 %" if error < 0.001 else formatting.percent(error)
    if found.complete:
        return f"They add up: {total} in all, {off} from the difference to a black image ({steps})."
    return (
        f"They do not add up: {total} in all is {off} from the difference to a black image, with {steps}; "
        f"at most {TOLERANCE:.0%} was wanted. Take their sizes with care.".replace("1%", "1 %")
    )


def say_similarity(found: Similarity) -> str:
    """What the map of the scrambled network says about the method."""
    if found.depends_on_weights is None:
        return "unknown: one of the two maps is flat or holds no numbers, so they cannot be compared."
    rank = f"rank correlation {num(found.rank):.2f}".replace("-", "−")
    if found.depends_on_weights:
        return f"the map changes with the weights, as it should: {rank} with that of the scrambled network."
    return (
        f"the map hardly changes: {rank} with that of the scrambled network, {num(SAME):.1f} or more. Here it shows "
        "the image rather than what the network has learnt."
    )


def say_deletion(found: Deletion) -> str:
    """Whether the probability falls faster than in random orders."""
    if not _is_known(found):
        return "unknown: some probabilities are not numbers."
    areas = np.trapezoid(found.random, found.shares, axis=1)
    slower = int((areas > found.area).sum())
    numbers = f"area {num(found.area):.2f}, random {num(found.random_area):.2f}"
    between = f"{num(float(areas.min())):.2f} to {num(float(areas.max())):.2f} in {DRAWS} orders"
    if found.curve[0] < LITTLE:
        return f"the probability begins at {formatting.percent(float(found.curve[0]))}, so it says little ({numbers})."
    if slower == DRAWS:
        verdict = f"its highest pixels matter: the probability falls faster than in all {DRAWS} random orders"
    elif slower > DRAWS / 2:
        verdict = f"the probability falls faster than in {slower} of {DRAWS} random orders, which may be chance"
    else:
        verdict = "its highest pixels matter no more than random ones"
    return f"{verdict} ({numbers}, {between})."


def _is_known(found: Deletion) -> bool:
    return bool(np.isfinite(found.curve).all() and np.isfinite(found.random).all())


def _place_of(pixel: np.integer) -> str:
    row, column = divmod(int(pixel), 28)
    return f"{name_place(row, column, 1)} (row {row}, column {column})"
