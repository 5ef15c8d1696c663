"""What is mapped and how: the row of controls above the map, and the settings of each method."""

from typing import Any

import streamlit as st

from fmexplore.embeddings.features import LAST, PIXELS
from fmexplore.embeddings.projection import ProjectionConfig
from fmexplore.models.table import layer_choices
from fmexplore.runs.run import Run
from fmexplore.ui import display_options, messages, url, widgets
from fmexplore.ui.display_options import Span
from fmexplore.ui.selection.maps import Source

METHODS = {"pca": "PCA", "tsne": "t-SNE", "umap": "UMAP"}
SPLITS = {"test": "Test", "validation": "Validation", "train": "Training", "all": "All 70,000"}
DEFAULT = ProjectionConfig()
LOOK = {
    "map_dimensions": (2, 3),
    "map_perplexity": Span(2.0, 500.0, DEFAULT.perplexity),
    "map_iterations": Span(0, 5000, DEFAULT.iterations),
    "map_auto_rate": display_options.ON,
    "map_rate": Span(1.0, 100_000.0, 200.0),
    "map_initialization": ("pca", "spectral", "random"),
    "map_neighbours": Span(2, 200, DEFAULT.neighbours),
    "map_min_distance": Span(0.0, 1.0, DEFAULT.min_distance),
    "map_metric": ("euclidean", "cosine", "manhattan", "correlation"),
    "map_sample": Span(0, 70_000, DEFAULT.sample),
    "map_seed": Span(0, 2**32 - 1, DEFAULT.seed),
}


def layer_names(run: Run | None) -> dict[str, str]:
    """The layers that can be mapped, by their name in links: the last hidden one, pixels, then those of the table."""
    if run is None:
        return {PIXELS: "Pixels"}
    layers = {
        number: f"{number} {text}, {' × '.join(map(str, output))}"
        for number, text, output in layer_choices(run.config.model)
    }
    return {LAST: "Last hidden layer", PIXELS: "Pixels", **layers}


def choose_source(run: Run | None, fixed: bool = False) -> tuple[Source, str]:
    """The controls for layer, images and method, or for the method alone; invalid link values are reported."""
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
        url.go(**{name: st.session_state[key], "image": None, "selected": None})

    if not fixed:
        st.selectbox(
            "Map of", list(layers), format_func=layers.__getitem__, key="map_layer", width=250,
            on_change=change, args=("layer", "map_layer"),
            help="Pixels: neighbouring images look alike. A layer: the network has learnt similar features for them.",
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
    """The dimensions and, in a popover, the method's settings; None where they are not valid, which is reported."""
    display_options.recall(LOOK)
    values: dict[str, Any] = {"method": method}
    turned = "In 3-D drag turns the map, the wheel zooms, and Shift with drag moves it."
    words = {"format_func": "{}-D".format, "help": turned, "required": True}
    values["dimensions"] = _ask("dimensions", st.segmented_control, "Dimensions", **words)
    with st.popover("Settings"):
        if method == "tsne":
            values["perplexity"] = _number("perplexity", "Perplexity", 5.0)
            values["iterations"] = _number("iterations", "Iterations", 50)
            if not st.checkbox("Automatic learning rate", key="map_auto_rate", persist_state="session"):
                rate = "Too low: the map stays a dense ball. Too high: the points scatter."
                values["learning_rate"] = _number("rate", "Learning rate", 50.0, rate)
            values["initialization"] = _ask("initialization", st.selectbox, "Start from")
        if method == "umap":
            few = "Few: fine detail. Many: the overall shape."
            values["neighbours"] = _number("neighbours", "Neighbours", 5, few)
            values["min_distance"] = _number("min_distance", "Minimum distance", 0.05)
            values["metric"] = _ask("metric", st.selectbox, "Distance")
        sample = "How many of the images, drawn by the seed; 0 takes all."
        values["sample"] = _number("sample", "Sample", 1000, sample)
        if method != "pca" or values["sample"]:
            values["seed"] = _number("seed", "Seed", 1, "Another seed gives another map of the same data.")
    with messages.boundary():
        return ProjectionConfig.parse(values)
    return None


def _ask(name: str, widget: Any, label: str, **more: Any) -> Any:
    key = f"map_{name}"
    return widget(label, LOOK[key], key=key, persist_state="session", **more)


def _number(name: str, label: str, step: float, help_: str | None = None) -> Any:
    key, span = f"map_{name}", LOOK[f"map_{name}"]
    assert isinstance(span, Span)
    return st.number_input(label, span.low, span.high, step=step, key=key, help=help_, persist_state="session")
