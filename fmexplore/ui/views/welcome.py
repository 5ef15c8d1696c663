"""The Home page: what this is, train one now, how a shipped run came to see its classes, the runs."""

from pathlib import Path

import numpy as np
import streamlit as st

from fmexplore.confusion import confusion_matrix
from fmexplore.presets import find_preset
from fmexplore.run import Run
from fmexplore.ui import cache, state, widgets
from fmexplore.ui.components.matrix import matrix
from fmexplore.ui.views.run_list import run_list

MATRICES = 8


def welcome() -> None:
    st.title("Watch a network learn to tell clothes apart", anchor=False)
    st.markdown(
        "fmexplore trains neural networks on Fashion-MNIST, 70,000 small pictures of clothes in ten classes, on this "
        "very computer. You choose the network and watch it learn, pause it, change one thing and compare. Every "
        "figure is measured here or cited with its source.",
        width=720,
    )
    if not widgets.data_gate():
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        widgets.train_button("Train one now", find_preset(state.FIRST).config, primary=True)
        st.page_link(state.TRAIN_PAGE, label="Choose a network yourself")
    with widgets.boundary():
        _strip()
    st.header("Runs", anchor=False)
    with widgets.boundary():
        run_list(key="home")


def _strip() -> None:
    """The confusion matrix of a shipped run, one that began knowing nothing, from its first snapshot to its last."""
    run = next((run for run in cache.store().shipped_runs() if run.status.task == "train"), None)
    if run is None:
        return
    frames = _matrices(str(run.path))
    if not frames:
        return
    st.header("At first everything looks alike, then the classes come apart", anchor=False)
    matrix(frames, key="strip")
    st.caption(
        f"The confusion matrix of the shipped run {run.id} at {len(frames)} moments of its training, on images it "
        "never trained on. Rows are true classes, columns what it says; blue is right, orange is confused."
    )
    st.page_link(state.CONFUSIONS_PAGE, label="See what it confuses, image by image", query_params={"run": run.id})


@st.cache_data(max_entries=8)
def _matrices(path: str) -> list[tuple[str, list[list[int]]]]:
    run = Run(Path(path))
    steps = run.snapshot_steps()
    chosen = [
        steps[i] for i in np.unique(np.linspace(0, len(steps) - 1, min(MATRICES, len(steps))).round().astype(int))
    ]
    frames = []
    for step in chosen:
        arrays, metadata = run.read_snapshot(step)
        predicted = arrays["logits"].argmax(1)
        accuracy = float((predicted == arrays["labels"]).mean())
        title = f"epoch {float(metadata['epoch']):.2f}: {widgets.percent(accuracy, 0)}"
        frames.append((title, confusion_matrix(arrays["labels"], predicted).tolist()))
    return frames
