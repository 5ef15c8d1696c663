"""How far a map can be trusted: figures, the same map from three seeds, and what its distances do not mean."""

import streamlit as st

from fmexplore.analyst import Question
from fmexplore.maps import Trust
from fmexplore.projection import ProjectionConfig
from fmexplore.ui import cache, link, widgets
from fmexplore.ui.components.scatter import thumbnails
from fmexplore.ui.mapped import Mapped

SEEDS = 3
MEANING = {
    "pca": "Distances along an axis are true, but all other axes are left out: what lies upon each other here may be "
    "far apart in another direction.",
    "tsne": "Only who is next to whom means something: neither the distance between two crowds nor the size of a crowd "
    "does.",
    "umap": "Who is next to whom means most: the distance between two crowds means little, and the density of a crowd "
    "nothing.",
}


def trust_line(now: Mapped, config: ProjectionConfig) -> None:
    """One line below the map."""
    known = _known().get(_key(now, config))
    figures = f"{widgets.percent(known.kept, 0)} of the nearest neighbours are kept. " if known else ""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(figures + MEANING[config.method])
        st.button("How far to trust it", on_click=link.go, kwargs={"view": "trust"}, type="tertiary")


def trust_view(now: Mapped, config: ProjectionConfig) -> None:
    """The figures, and maps from other seeds; each is computed when it is first looked at."""
    found = _trust(now, config)
    st.subheader(
        f"Of an image's {found.neighbours} nearest neighbours, {widgets.percent(found.kept, 0)} are still among its "
        f"nearest on the map",
        anchor=False,
    )
    values = {
        "Trustworthiness": (
            f"{found.trustworthiness:.3f}",
            "1 where no image has a false neighbour on the map (Venna, Kaski 2001); 0.5 is what a random map has.",
        ),
        "Neighbours kept": (widgets.percent(found.kept), "Of the nearest in feature space, those that are so on the map."),
        "Same label, in feature space": (
            widgets.percent(found.label_agreement),
            "How many of an image's nearest neighbours have its label.",
        ),
        "Same label, on the map": (
            widgets.percent(found.map_agreement),
            "The same for neighbours on the map: if it is much lower, the map has lost what the network knows.",
        ),
    }
    with st.container(horizontal=True):
        for name, (value, help_) in values.items():
            st.metric(name, value, border=True, help=help_)
    st.caption(f"Judged on {found.images:,} images. {MEANING[config.method]}")
    if config.method == "pca" and not config.sample:
        st.caption("PCA has no chance in it: every seed gives the same map.")
        return
    st.markdown("**The same map from other seeds: what changes between them is no fact about the images**")
    if now.coordinates.shape[1] != 2:
        st.caption("They are shown for flat maps: choose two dimensions.")
        return
    maps = []
    for seed in range(config.seed, config.seed + SEEDS):
        other = config.replace(seed=seed)
        arrays = cache.projection(now.run, now.layer, now.split, other)
        if arrays is None:
            question = cache.analyst().ask(
                "project_images", run=now.run, layer=now.layer, split=now.split, config=other
            )
            arrays = widgets.await_answer(question, f"Computing the map of seed {seed}")
        labels = now.labels if len(arrays["index"]) == len(now.labels) and not config.sample else None
        maps.append((f"seed {seed}", arrays["coordinates"], arrays["index"], labels))
    thumbnails([(name, places, _labels(now, index)) for name, places, index, _ in maps], "seeds")


def _labels(now: Mapped, index):
    from fmexplore.ui.mapped import ids_of, outputs_of

    part = "all" if now.split == "all" else "test" if now.ids[0] >= 60_000 else "train"
    return outputs_of(None, ids_of(index.astype(int), part)).labels


def _trust(now: Mapped, config: ProjectionConfig) -> Trust:
    known, key = _known(), _key(now, config)
    if key not in known:
        question: Question = cache.analyst().ask(
            "trust_map", run=now.run, layer=now.layer, split=now.split, config=config
        )
        if len(known) > 256:
            known.clear()
        known[key] = widgets.await_answer(question, "Comparing neighbours on the map with those in feature space")
    return known[key]


@st.cache_resource(max_entries=1)
def _known() -> dict[tuple, Trust]:
    return {}


def _key(now: Mapped, config: ProjectionConfig) -> tuple:
    run = (str(now.run.path), now.run.weights_digest) if now.run else ()
    return (*run, now.layer, now.split, config.key())
