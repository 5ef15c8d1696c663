"""Quality of a map: measures, the same map from three seeds, and what its distances do not mean."""

import numpy as np
import streamlit as st

from fmexplore.embeddings.quality import MapQuality
from fmexplore.ui import formatting, shared, url, widgets
from fmexplore.ui.charts.base import CLASS_COLORS
from fmexplore.ui.components.gallery import Item, gallery
from fmexplore.ui.embeddings.computing import compute_map
from fmexplore.ui.formatting import num
from fmexplore.ui.selection.maps import Mapped, Source

SEEDS, MINIATURE = 3, 300
TRUST = (  # from which trustworthiness on what may be said: a convention of ours
    (0.95, "Neighbours on this map are alike"),
    (0.8, "Neighbours on this map are mostly alike"),
)
MEANING = {
    "pca": "Distances along an axis are true, but all other axes are left out: points that overlap here may be "
    "far apart in another direction.",
    "tsne": "Only near neighbours mean something: neither the distance between two clusters nor the size of a cluster "
    "does.",
    "umap": "Near neighbours mean most: the distance between two clusters means little, and the density of a cluster "
    "nothing.",
}


def quality_line(now: Mapped) -> None:
    """One line below the map."""
    known = None if now.stopped else _known().get(_key(now))
    kept = f"{formatting.percent(known.kept, 0)} of the nearest neighbours are kept. " if known else ""
    turned = "" if now.coordinates.shape[1] == 2 else "Drag to turn it. "
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(turned + kept + MEANING[now.config.method])
        st.button("Map quality", on_click=url.go, kwargs={"view": "trust"}, type="tertiary")


def quality_view(now: Mapped) -> None:
    """Measures, and maps from other seeds; each is computed when it is first looked at."""
    if now.stopped:
        st.caption("This map was stopped early and is not evaluated: finish it to see its quality.")
        return
    config, found = now.config, _quality(now)
    kept = f"{formatting.percent(found.kept, 0)} of an image's {found.neighbours} nearest neighbours are kept"
    st.subheader(f"{_trust(found.trustworthiness)}: {kept}", anchor=False)
    values = {
        "Trustworthiness": (
            f"{num(found.trustworthiness):.3f}",
            "1: no image has a false neighbour on the map (Venna, Kaski 2001). 0.5: no better than a random map. "
            "A false neighbour counts by how far away it really is: one that is nearly as near as a true one hardly.",
        ),
        "Neighbours kept": (
            formatting.percent(found.kept),
            f"Of an image's {found.neighbours} nearest neighbours, the share still among its nearest on the map. Where "
            "many images are alike, neighbours change places with others that are nearly as near.",
        ),
        "Same label, in feature space": (
            formatting.percent(found.label_agreement),
            "The share of an image's nearest neighbours with the same label.",
        ),
        "Same label, on the map": (
            formatting.percent(found.map_agreement),
            "The same for neighbours on the map: if it is much lower, the map has lost information that the "
            "features hold.",
        ),
    }
    with st.container(horizontal=True):
        for name, (value, help_) in values.items():
            st.metric(name, value, border=True, help=help_)
    st.caption(f"Measured on {num(found.images):,} images. {MEANING[config.method]}")
    if config.method == "pca" and not config.sample:
        st.caption("PCA is deterministic: every seed gives the same map.")
        return
    st.markdown("**The same map from other seeds: what changes between them says nothing about the images**")
    if now.coordinates.shape[1] != 2:
        st.caption("They are shown for maps in two dimensions: choose two dimensions.")
        return
    pictures, items = [], []
    for seed in range(config.seed, config.seed + SEEDS):
        source = Source(now.run, now.layer, now.split)
        other = compute_map(source, config.replace(seed=seed), f"Computing the map of seed {seed}")
        pictures.append(miniature(other.coordinates, other.labels))
        items.append(Item(seed, f"seed {seed}", f"The map of seed {seed}"))
    gallery(np.stack(pictures), items, "seeds", size=MINIATURE, label="The same map from three seeds")


def _trust(value: float) -> str:
    """A trustworthiness in words."""
    for least, words in TRUST:
        if value >= least:
            return words
    return "Neighbours on this map often mislead"


def miniature(coordinates: np.ndarray, labels: np.ndarray, width: int = MINIATURE) -> np.ndarray:
    """A small picture of a flat map `(n, 2)` in the colours of the classes on nothing, `(300, width, 4) uint8`."""
    picture = np.zeros((MINIATURE, width, 4), np.uint8)
    low, high = coordinates.min(0), coordinates.max(0)
    sides = np.array([width, MINIATURE])
    scale = ((sides - 8) / np.maximum(high - low, 1e-9)).min()
    places = ((coordinates - (low + high) / 2) * scale + sides / 2).astype(int)
    colors = np.array([list(bytes.fromhex(f"{color[1:]}ff")) for color in CLASS_COLORS], np.uint8)
    for right, down in ((0, 0), (1, 0), (0, 1), (1, 1)):
        picture[MINIATURE - places[:, 1] - down, places[:, 0] + right] = colors[labels]
    return picture


def _quality(now: Mapped) -> MapQuality:
    if (known := _known().get(_key(now))) is not None:
        return known
    question = shared.analyst().ask("measure_map", run=now.run, layer=now.layer, split=now.split, config=now.config)
    found = widgets.await_answer(question, "Comparing neighbours on the map with those in feature space")
    return _known().put(_key(now), found)


@shared.keep(1)
def _known() -> shared.Recent[tuple, MapQuality]:
    return shared.Recent(256)


def _key(now: Mapped) -> tuple:
    run = shared.folder_and_weights(now.run) if now.run else ()
    return (*run, now.layer, now.split, now.config.key())
