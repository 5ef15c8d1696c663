"""One channel: the patches that excite it most, its mean activation by class, and what if it were off."""

from functools import partial

import numpy as np
import streamlit as st

from fmexplore.data.addresses import Members
from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.errors import ConfigError
from fmexplore.inside.channels import Responses
from fmexplore.inside.graph import Graph, Step
from fmexplore.runs.run import Run
from fmexplore.ui import computing, formatting, session, shared, url, widgets
from fmexplore.ui.components.gallery import Item, gallery
from fmexplore.ui.components.term_table import Entry, term_table
from fmexplore.ui.formatting import num
from fmexplore.ui.images.card import image_card
from fmexplore.ui.images.gallery import last_opened, way_through
from fmexplore.ui.inside.ablation import has_validation, show_off
from fmexplore.ui.inside.colours import enlarge
from fmexplore.ui.inside.words import brief, name_channel, name_value
from fmexplore.ui.selection import predictions as selected_predictions

RULE = (
    "Classes count as alike whose means differ by less than a tenth of the range of all means. It responds most, or "
    "least, to at most three such classes; to none in particular where all means differ by less than a tenth of the "
    "largest."
)


def say_response(graph: Graph, step: Step, found: Responses, channel: int, among: str) -> str:
    """To which classes a channel responds most, and how much more than to the next, in a sentence."""
    name = name_channel(graph, step.name, channel)
    name = f"{name[0].upper()}{name[1:]}"
    means = found.means[channel]
    if found.is_silent(channel):
        return f"{name} never responds: it is 0 for {among}"
    liked = found.preference(channel)
    if liked is None:
        low, high = brief(np.nanmin(means)), brief(np.nanmax(means))
        return f"{name} responds to no class in particular: the means of the classes go from {low} to {high}"
    classes = " and ".join(formatting.plural(label) for label in liked.labels)
    amounts = " and ".join(brief(means[label]) for label in liked.labels)
    further = f"{brief(means[liked.next])} for {formatting.plural(liked.next)}"
    return f"{name} responds {'most' if liked.most else 'least'} to {classes}: {amounts} on average, {further} next"


def find_patches(run: Run, layer: str, split: str, channels: tuple[int, ...]) -> np.ndarray:
    """What channels saw where they were excited most, `(channels, 9, height, width) uint8`. Raises FMExploreError."""
    cut = partial(computing.await_analysis, "cut_patches", run, "Cutting out the patches", layer=layer, split=split)
    try:
        return cut(channels=channels)
    except ConfigError:  # what they were cut by is not kept any more
        question = shared.analyst().ask("respond_channels", run=run, layer=layer, split=split)
        widgets.await_answer(question, "Looking at the images")
        return cut(channels=channels)


def show_channel(run: Run, graph: Graph, step: Step, split: str, found: Responses, channel: int, among: str) -> None:
    """The evidence for what a channel responds to, or the card of the image in the link."""
    located = selected_predictions.locate(run, split, shared.dataset())
    assert located is not None  # the responses are to its images
    numbers = located.numbers[found.numbers[channel]]
    image = url.read_link(names=("image",)).image
    if image is not None and located.position(located.part, image) is None:
        words = selected_predictions.words(split)
        st.warning(f"Image {num(image):,} is not among the {words}: choose another one.")
    elif image is not None:
        way, near = way_through(numbers, image, "Back to the channel")
        _link_to_way(run, graph, step, split, found, channel, numbers, image)
        image_card(run, located.part, image, None, way, near, session.INSIDE_PAGE)
        return
    if not found.is_silent(channel):
        _patches(run, step, split, located, found, channel, among)
        _link_to_way(run, graph, step, split, found, channel, numbers, int(numbers[0]))
    _means(run, found, channel)
    show_off(run, graph, step, channel)


def _patches(run: Run, step: Step, split: str, located: Members, found: Responses, channel: int, among: str) -> None:
    patches = find_patches(run, step.name, split, (channel,))[0]
    numbers = located.numbers[found.numbers[channel]]
    labels = shared.dataset().part(located.part).labels[numbers]
    high, wide = patches.shape[1:]
    whole = (high, wide) == shared.dataset().test.images.shape[1:]
    st.markdown(
        f"**Where {among} excite it most**",
        help="Of each image counts where its activation is highest. Shown is what it sees there, its receptive field: "
        + ("the whole image." if whole else f"{high} x {wide} pixels."),
    )
    items = [
        Item(
            int(number),
            f"{CLASS_NAMES[label]}\n{brief(float(value))}",
            f"{formatting.image_name(split, int(number), int(label))}: activation {brief(float(value))}",
        )
        for number, label, value in zip(numbers, labels, found.values[channel], strict=True)
    ]
    closed = last_opened()
    gallery(
        enlarge(patches),
        items,
        "channel_patches",
        lambda number: url.go(channel=channel, image=number),
        across=len(items),
        current=closed[1] if closed and closed[0] == located.part else None,
        focus=True,
        label="Patches",
    )


def _link_to_way(
    run: Run, graph: Graph, step: Step, split: str, found: Responses, channel: int, numbers: np.ndarray, image: int
) -> None:
    """To what the channel makes of an image, at the place where it is excited most, where that is known."""
    place = {"run": run.id, "split": split, "image": str(image), "layer": step.name, "channel": str(channel)}
    if len(places := np.flatnonzero(numbers == image)):
        place["at"] = ",".join(map(str, found.places[channel, places[0]]))
    name = name_value(graph, step.name, channel)
    which = "this image" if url.read_link(names=("image",)).image is not None else "the first of these images"
    st.page_link(session.INSIDE_PAGE, label=f"{name[0].upper()}{name[1:]} on {which}", query_params=place)


def _means(run: Run, found: Responses, channel: int) -> None:
    """By class, each leading to the channels that matter to it."""
    st.markdown("**Mean activation by class**", help=RULE)
    leads = has_validation(run)
    means = found.means[channel]
    rows = [
        Entry(CLASS_NAMES[label], (brief(means[label]),), float(means[label]), leads)
        if np.isfinite(means[label])
        else Entry(CLASS_NAMES[label], ("no image",), 0.0, leads)
        for label in range(len(CLASS_NAMES))
    ]
    term_table(
        ("class", "mean activation"), rows, (), "channel_means", lambda row: url.go(**{"class": row, "image": None})
    )
    if leads:
        st.caption("Press a class for the channels that matter to it.")
