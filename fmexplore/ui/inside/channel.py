"""One channel: the patches that excite it most, its mean activation by class, and what if it were off."""

from dataclasses import dataclass

import numpy as np
import streamlit as st

from fmexplore.data.addresses import Members
from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.errors import ConfigError
from fmexplore.inside.channels import ALIKE, MOST_EXCITED, Responses
from fmexplore.inside.graph import Graph, Step
from fmexplore.runs.run import Run
from fmexplore.ui import formatting, session, shared, url, widgets
from fmexplore.ui.components.gallery import Item, gallery
from fmexplore.ui.components.term_table import Entry, term_table
from fmexplore.ui.formatting import num
from fmexplore.ui.images.card import image_card
from fmexplore.ui.images.gallery import last_opened, way_through
from fmexplore.ui.inside.ablation import has_validation, show_off
from fmexplore.ui.inside.colours import enlarge
from fmexplore.ui.inside.words import brief, name_channel, name_value
from fmexplore.ui.selection import predictions as selected_predictions

MOST_KEPT = 32  # pages of patches, of up to 230 kB


@dataclass(frozen=True, eq=False)
class Chosen:
    """What is looked at: a layer of a run by the images of a split, and the number of the image that is open."""

    run: Run
    graph: Graph
    step: Step
    split: str
    image: int | None

    @property
    def located(self) -> Members:
        """The images of the split."""
        found = selected_predictions.locate(self.run, self.split, shared.dataset())
        assert found is not None  # only splits that the run has can be chosen
        return found

    @property
    def among(self) -> str:
        """The images among which those are sought that excite a channel most, as in "10,000 test images"."""
        all_of = len(self.located.numbers)
        words = f"{num(min(all_of, MOST_EXCITED)):,} {selected_predictions.words(self.split)}"
        return f"the first {words}" if all_of > MOST_EXCITED else words

    def find_patches(self, channels: tuple[int, ...]) -> np.ndarray:
        """What channels saw where they were excited most, `(channels, 9, height, width) uint8`."""
        key = *shared.folder_and_weights(self.run), self.step.name, self.split, channels
        if (known := _patches_cut().get(key)) is None:
            known = _patches_cut().put(key, self._cut(channels))
        return known

    def _cut(self, channels: tuple[int, ...]) -> np.ndarray:
        place = {"run": self.run, "layer": self.step.name, "split": self.split}

        def cut() -> np.ndarray:
            question = shared.analyst().ask("cut_patches", **place, channels=channels)
            return widgets.await_answer(question, "Cutting out the patches")

        try:
            return cut()
        except ConfigError:  # what they are cut by is not kept any more
            widgets.await_answer(shared.analyst().ask("respond_channels", **place), "Looking at the images")
            return cut()


@shared.keep(1)
def _patches_cut() -> shared.Recent[tuple, np.ndarray]:
    return shared.Recent(MOST_KEPT)


RULE = (
    "Classes count as alike whose means differ by less than a tenth of the range of all means. It responds most, or "
    "least, to at most three such classes, and alike to several where there are more; to none in particular where all "
    "means differ by less than a tenth of the largest."
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
        low, high = np.nanmin(means), np.nanmax(means)
        between = f"the means of the classes go from {brief(low)} to {brief(high)}"
        if high - low <= ALIKE * np.nanmax(np.abs(means)):
            return f"{name} responds to no class in particular: {between}"
        return f"{name} responds alike to several classes: {between}"
    classes = " and ".join(formatting.plural(label) for label in liked.labels)
    amounts = " and ".join(brief(means[label]) for label in liked.labels)
    further = f"{formatting.plural(liked.next)} next with {brief(means[liked.next])}"
    return f"{name} responds {'most' if liked.most else 'least'} to {classes}: {amounts} on average, {further}"


def show_channel(chosen: Chosen, found: Responses, channel: int) -> None:
    """The evidence for what a channel responds to, or the card of the image that is open."""
    located, image = chosen.located, chosen.image
    numbers = located.numbers[found.numbers[channel][found.excited(channel)]]
    if image is not None and located.position(located.part, image) is None:
        words = selected_predictions.words(chosen.split)
        st.warning(f"Image {num(image):,} is not among the {words}: choose another one.")
    elif image is not None:
        way, near = way_through(numbers, image, "Back to the channel")
        _link_to_way(chosen, found, channel, numbers, image, "this image")
        image_card(chosen.run, located.part, image, None, way, near, session.INSIDE_PAGE)
        return
    if not found.is_silent(channel):
        _patches(chosen, found, channel, numbers)
        _link_to_way(chosen, found, channel, numbers, int(numbers[0]), "the first of these images")
    _means(chosen.run, found, channel)
    show_off(chosen.run, chosen.graph, chosen.step, channel)


def _patches(chosen: Chosen, found: Responses, channel: int, numbers: np.ndarray) -> None:
    excited, part = found.excited(channel), chosen.located.part
    patches, values = chosen.find_patches((channel,))[0][excited], found.values[channel][excited]
    labels = shared.dataset().part(part).labels[numbers]
    high, wide = patches.shape[1:]
    whole = (high, wide) == shared.dataset().test.images.shape[1:]
    st.markdown(
        f"**What excites it most among {chosen.among}**",
        help="Of each image counts where its activation is highest. Shown is what it sees there, its receptive field: "
        + ("the whole image." if whole else f"{high} x {wide} pixels."),
    )
    items = [
        Item(
            int(number),
            f"{CLASS_NAMES[label].partition('/')[0]}\n{brief(value)}",
            f"{formatting.image_name(chosen.split, int(number), int(label))}: activation {brief(value)}",
        )
        for number, label, value in zip(numbers, labels, values.tolist(), strict=True)
    ]
    closed = last_opened()
    gallery(
        enlarge(patches),
        items,
        "channel_patches",
        lambda number: url.go(channel=channel, image=number),
        across=len(excited),
        current=closed[1] if closed and closed[0] == part else None,
        focus=True,
        label="Patches",
    )
    if not excited.all():
        st.caption("No other image excites it: in those the channel is nowhere above 0.")


def _link_to_way(chosen: Chosen, found: Responses, channel: int, numbers: np.ndarray, image: int, which: str) -> None:
    """To what the channel makes of an image, at the place where it is excited most, where that is known."""
    layer = chosen.step.name
    place = {"run": chosen.run.id, "split": chosen.split, "image": str(image), "layer": layer, "channel": str(channel)}
    if len(positions := np.flatnonzero(numbers == image)):
        place["at"] = ",".join(map(str, found.places[channel, positions[0]]))
    name = name_value(chosen.graph, layer, channel)
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
