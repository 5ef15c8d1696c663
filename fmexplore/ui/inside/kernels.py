"""The kernels of the first convolution as pictures: its channels are pixels, or nearly."""

from collections.abc import Callable

import numpy as np
import streamlit as st

from fmexplore.inside.graph import Step, graph_of
from fmexplore.runs.run import Run
from fmexplore.ui import shared, widgets
from fmexplore.ui.components.gallery import Item, gallery
from fmexplore.ui.inside.colours import enlarge, paint
from fmexplore.ui.inside.words import figure

MOST_SHOWN = 4  # channels of a kernel that are drawn side by side


def show_kernels(
    run: Run, step: Step, shown: np.ndarray, channel: int, on_open: Callable[[int], None], moment: int = 0
) -> None:
    """Those of the `shown` channels, the given one marked; nothing for any other layer. Raises FMExploreError."""
    first = next((name for name, each in graph_of(run.config.model).steps.items() if each.kind == "conv"), None)
    if step.name != first:
        return
    question = shared.analyst().ask("read_kernels", run=run, layer=step.name, moment=moment)
    kernels = widgets.await_answer(question, "Reading the kernels")[shown]
    _, channels, high, wide = kernels.shape
    if channels > MOST_SHOWN:
        return
    limit = float(np.abs(kernels).max())
    side_by_side = np.concatenate(list(kernels.swapaxes(0, 1)), axis=2)
    st.markdown(
        f"**Its kernels, {high} x {wide} weights each**",
        help="Orange weights want the image bright there, blue ones want it dark.",
    )
    items = [Item(int(each), str(each), f"Kernel of channel {each}") for each in shown]
    pictures = enlarge(paint(side_by_side, limit))
    gallery(pictures, items, "kernels", on_open, size=64, current=channel, label="Kernels")
    st.caption(f"Weights from −{figure(limit)}, blue, to {figure(limit)}, orange.")
