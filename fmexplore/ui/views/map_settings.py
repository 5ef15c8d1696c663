"""What is mapped and how: the row of controls above the map, and the settings of each method."""

from typing import Any

import streamlit as st

from fmexplore import models
from fmexplore.errors import ConfigError
from fmexplore.features import LAST, PIXELS
from fmexplore.projection import ProjectionConfig
from fmexplore.run import Run
from fmexplore.ui import link, widgets
from fmexplore.ui.mapped import Source

METHODS = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}
SPLITS = {"test": "Test", "validation": "Validation", "train": "Training", "all": "All 70,000"}
DEFAULT = ProjectionConfig()


def layer_names(run: Run | None) -> dict[str, str]:
    """The layers that can be mapped, by their name in links: the last hidden one, pixels, then those of the table."""
    if run is None:
        return {PIXELS: "Pixels"}
    layers = {
        number: f"{number} {text}, {' × '.join(map(str, output))}"
        for number, text, output in models.layer_choices(run.config.model)
    }
    return {LAST: "Last hidden layer", PIXELS: "Pixels", **layers}


def choose_source(run: Run | None, fixed: bool = False) -> tuple[Source, str]:
    """The controls for layer, images and method, or for the method alone; what the link says in vain is told."""
    layers = layer_names(run)
    splits = dict(SPLITS)
    if run is None or run.config.training.validation != "share":
        splits.pop("validation")
    layer = _in_link("layer", layers)
    split = _in_link("split", splits)
    method = _in_link("method", METHODS, "umap")
    for key, value in (("map_layer", layer), ("map_split", split), ("map_method", method)):
        st.session_state[key] = value

    def change(name: str, key: str) -> None:
        link.go(**{name: st.session_state[key], "image": None, "selected": None})

    if not fixed:
        st.selectbox(
            "What the map is made of", list(layers), format_func=layers.__getitem__, key="map_layer", width=250,
            on_change=change, args=("layer", "map_layer"),
            help="Pixels: images near each other look alike. A layer: the network has come to see them as alike.",
        )  # fmt: skip
        st.selectbox(
            "Images", list(splits), format_func=splits.__getitem__, key="map_split", width=130,
            on_change=change, args=("split", "map_split"),
        )  # fmt: skip
    st.segmented_control(
        "Method", list(METHODS), format_func=METHODS.__getitem__, key="map_method", required=True,
        on_change=change, args=("method", "map_method"),
    )  # fmt: skip
    return Source(run, layer, split), method


def _in_link(name: str, known: dict[str, str], default: str = "") -> str:
    return widgets.choice_in_link(name, tuple(known)) or default or next(iter(known))


def choose_config(method: str) -> ProjectionConfig | None:
    """The settings of the method, in a popover; None where they are no configuration, which is told."""
    with st.popover("Settings"):
        values: dict[str, Any] = {"method": method}
        values["dimensions"] = _ask("dimensions", st.segmented_control, "Dimensions", (2, 3), required=True)
        if method == "tsne":
            values["perplexity"] = _number("perplexity", "Perplexity", 2.0, 500.0, 5.0, "How many neighbours count.")
            values["iterations"] = _number("iterations", "Iterations", 0, 5000, 50, "More lets crowds settle.")
            auto = st.checkbox("Learning rate chosen by itself", True, key="map_auto_rate", persist_state="session")
            if not auto:
                rate = "Too low packs the map into a ball, too high scatters it."
                values["learning_rate"] = _number("rate", "Learning rate", 1.0, 100000.0, 50.0, rate, 200.0)
            choices = ("pca", "spectral", "random")
            values["initialization"] = _ask("initialization", st.selectbox, "Start from", choices)
        if method == "umap":
            few = "Few: fine detail. Many: the large shape."
            values["neighbours"] = _number("neighbours", "Neighbours", 2, 200, 5, few)
            values["min_distance"] = _number(
                "min_distance", "Minimum distance", 0.0, 1.0, 0.05, "How dense crowds are."
            )
            metrics = ("euclidean", "cosine", "manhattan", "correlation")
            values["metric"] = _ask("metric", st.selectbox, "Distance", metrics)
        sample = "How many of the images, drawn by the seed; 0 takes all."
        values["sample"] = _number("sample", "Sample", 0, 70_000, 1000, sample)
        if method != "pca" or values["sample"]:
            values["seed"] = _number(
                "seed", "Seed", 0, 2**32 - 1, 1, "Another seed gives another map of the same data."
            )
    try:
        return ProjectionConfig.parse(values)
    except ConfigError as error:
        st.error(widgets.unlinked(str(error)))
        return None


def _ask(name: str, widget: Any, label: str, choices: tuple, **more: Any) -> Any:
    key = f"map_{name}"
    st.session_state.setdefault(key, getattr(DEFAULT, name))
    return widget(label, choices, key=key, persist_state="session", **more)


def _number(name: str, label: str, low: float, high: float, step: float, help_: str, default: Any = None) -> Any:
    key = f"map_{name}"
    value = getattr(DEFAULT, name) if default is None else default
    st.session_state.setdefault(key, type(low)(value))
    return st.number_input(label, low, high, step=step, key=key, help=help_, persist_state="session")
