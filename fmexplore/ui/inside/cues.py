"""Key visual cues: by which places and channels a network recognises a class, over all its validation images."""

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator as Container

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.evaluation.confusion import accuracy_interval
from fmexplore.inside.cues import PATCH, Cues
from fmexplore.runs.run import Run
from fmexplore.ui import asking, formatting, session, shared, url, widgets
from fmexplore.ui.components.gallery import Item, gallery
from fmexplore.ui.components.heat_map import heat_map
from fmexplore.ui.components.term_table import Entry, term_table
from fmexplore.ui.formatting import num
from fmexplore.ui.inside.ablation import say_change, say_interval, surest_loss
from fmexplore.ui.inside.heat import OUTLINE, make_heat, make_image
from fmexplore.ui.inside.target import choose_target, say_target, target_in_link
from fmexplore.ui.selection import predictions as selected_predictions

FIRST = CLASS_NAMES.index("Shirt")  # which networks recognise worst


def cues(run: Run, row: Container) -> None:
    """Draw the view, its choices into `row`."""
    target = target_in_link(FIRST)
    with row:
        choose_target(target, "cues")
    if run.config.training.validation == "none":
        st.info(
            f"{formatting.plain(run.title)} was trained without validation images, and cues are measured on those: "
            "choosing by test images would be peeking. Train it again with some."
        )
        st.page_link(session.TRAIN_PAGE, label="Open its training", query_params={"run": run.id})
        return
    step = asking.Step(
        "cues",
        (*shared.folder_and_weights(run), target),
        lambda _: shared.analyst().ask("find_class_cues", run=run, label=target.label, against=target.against),
    )

    def show(known: asking.Known) -> None:
        if found := known.answers.get("cues"):
            _show(run, found)
        elif known.question:
            st.caption(
                f"{CLASS_NAMES[target.label]}: every validation image that is recognised is covered place by place."
            )

    asking.follow("cues", [step], show, "The cues of this class were not computed.", "Compute them")


def _show(run: Run, found: Cues) -> None:
    st.subheader(formatting.unbroken(found.sentence), anchor=False)
    low, high = accuracy_interval(round(found.worst * found.images), found.images)
    st.caption(
        f"95 % interval {formatting.percents(low, high)} of {num(found.images):,} images, not corrected for choosing "
        f"the worst of {len(PATCH.corners)} places; the patch has "
        f"{PATCH.patch} x {PATCH.patch} pixels and is grey as the mean of the data set. "
        "It is what this network uses, and need not be what people see."
    )
    widgets.warn_of_peeking(run)
    what = say_target(found.target)
    name = formatting.plural(found.target.label)
    mean = found.mean_image
    heat_map(
        [
            make_image("mean image", mean),
            make_heat("share lost when covered", found.lost, mean, _percents),
            make_heat("mean occlusion", found.occlusion, mean),
            make_heat("mean integrated gradients", found.attribution, mean),
        ],
        "cues_maps",
    )
    st.caption(
        f"Over the {num(found.images):,} recognised {name}. Share lost, and occlusion (how far {what} falls), are for "
        "each pixel the mean of all positions of the patch that cover it; integrated gradients are what it adds. "
        f"Orange speaks for it, blue against it; each map has its own scale. {OUTLINE}"
    )
    left, right = st.columns([48, 52], gap="large")
    with left:
        _show_typical(run, found)
    with right:
        _show_channels(found)


def _show_typical(run: Run, found: Cues) -> None:
    located = selected_predictions.locate(run, "validation", shared.dataset())
    assert located is not None  # the cues are of its images
    numbers, label = located.numbers[found.typical], found.target.label
    st.markdown(
        f"**Typical {formatting.plural(label)}**",
        help="The recognised images nearest to the mean of all of them in the network's feature space.",
    )
    split = "test" if located.part == "test" else "validation"
    items = [Item(int(number), "", formatting.image_name(split, int(number), label)) for number in numbers]
    place = {"split": split, "true": label, "pred": label}
    gallery(
        shared.dataset().part(located.part).images[numbers],
        items,
        "cues_typical",
        lambda number: url.open_page(session.CONFUSIONS_PAGE, run=run.id, **place, image=number),
        size=100,
        most_rows=2,
        label="Typical images",
    )


def _show_channels(found: Cues) -> None:
    """The channels that matter most to the class, with what switching each of them off costs."""
    if found.ranking is None or found.layer is None:
        st.caption("This network has no layer with maps, so there are no channels to rank.")
        return
    label, measured = found.target.label, found.ranking.measured
    name = formatting.plural(label)
    st.markdown(f"**{_say_channels(found)}**")
    rows = []
    for each in measured:
        change, between = each.change(label), each.change_interval(label)
        numbers = (formatting.percent(each.interval(label)[0]), say_change(change), say_interval(*between))
        rows.append(Entry(f"channel {each.channel}", numbers, change))
    term_table(
        ("switched off", "recognised", "change, points", "95 % interval"),
        rows,
        (),
        "cues_channels",
        lambda row: url.go(
            **{
                "view": "channels",
                "layer": found.layer,
                "channel": measured[row].channel,
                "class": label,
                **dict.fromkeys(("against", "image", "photo")),
            }
        ),
    )
    images = int(measured[0].images[label]) if measured else 0
    st.caption(
        f"Of {num(images):,} {name} among the first validation images, with one channel switched off. Ranked by an "
        "estimate: activation times gradient. A change whose interval holds 0 may be chance. Press a channel to see "
        "what it responds to."
    )


def _say_channels(found: Cues) -> str:
    """What switching off one of the channels that were ranked first costs, where that is no chance."""
    assert found.ranking is not None
    label, what = found.target.label, formatting.plural(found.target.label)
    worst, (low, high) = surest_loss(found.ranking)
    if high >= 0:
        return f"Switching off any of these channels of layer {found.layer} loses no {what} significantly"
    points = f"{say_change(worst.change(label))} points (95 % interval {say_interval(low, high)})"
    return f"Without channel {worst.channel} of layer {found.layer} fewer {what} are recognised: {points}"


def _percents(shares) -> list[str]:
    return [formatting.percent(share) for share in np.asarray(shares, float).tolist()]
