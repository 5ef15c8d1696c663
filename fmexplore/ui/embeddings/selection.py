"""Beside the map: what is selected on it, or one image with its neighbours."""

import io
from collections import Counter
from collections.abc import Sequence

import numpy as np
import streamlit as st

from fmexplore.data.fashion_mnist import CLASS_NAMES, PLURALS
from fmexplore.embeddings.neighbours import Metric, neighbours
from fmexplore.textfiles import csv_text
from fmexplore.ui import display_options, formatting, messages, session, shared, url, widgets
from fmexplore.ui.components.gallery import Item, gallery
from fmexplore.ui.formatting import num
from fmexplore.ui.images.card import image_card
from fmexplore.ui.images.gallery import PAGE, choose_page, last_opened, turn_again, way_through
from fmexplore.ui.selection import maps as selected_maps
from fmexplore.ui.selection.maps import Mapped, Marks

HEIGHT, NEIGHBOURS, CELLS = 420, 10, 3


def find_marks(maps: Sequence[Mapped], number: int | None) -> Marks:
    """What the link selects and opens on these maps; problems are reported."""
    marks, problems = selected_maps.read_marks(maps, st.query_params.get("selected"), number)
    messages.warn(problems)
    return marks


def selection_panel(marks: Marks) -> np.ndarray:
    """The card of an image, or the gallery of what is selected. Returns the ids to mark as neighbours."""
    now, selection, positions = marks.now, marks.selection, marks.positions
    nobody = np.zeros(0, int)
    search(now)
    wrong = np.flatnonzero(now.outputs.known & (now.predicted != now.labels))
    if marks.image_id is not None:
        return _one(now, now.ids[positions if selection else wrong], marks.image_id)
    if not selection:
        _gallery(
            now,
            wrong,
            f"{num(len(wrong)):,} of {num(len(now.ids)):,} images are misclassified: where do they lie?",
            "wrong",
        )
        st.caption("Draw a lasso or a box around a cluster, click a point, or search above.")
        return nobody
    if selection.outline and now.coordinates.shape[1] != 2:
        st.info("The selection was drawn on a map in two dimensions: choose two dimensions to see it.")
        return nobody
    shown_count = len(now.ids) if not selection.hidden else int((~np.isin(now.labels, selection.hidden)).sum())
    _gallery(now, positions, f"{num(len(positions)):,} of {num(shown_count):,} images are selected", selection.text())
    if len(positions):
        _mix(now, positions)
        _downloads(now, positions)
    st.button("Clear the selection", on_click=url.go, kwargs={"selected": None, "image": None})
    return nobody


def search(now: Mapped) -> None:
    """By number, by class, or the most confused pair: a way to every image without a pointer."""
    known = now.outputs.known
    labels, predicted = now.labels[known], now.predicted[known]
    confused = Counter(zip(labels[labels != predicted], predicted[labels != predicted], strict=True)).most_common(8)
    options = {f"t{label}": f"all {formatting.plural(label)}" for label in range(len(CLASS_NAMES))}
    options = {
        **{
            f"t{t}p{p}": f"{formatting.plural(int(t))} taken for {formatting.plural(int(p))}: {n}"
            for (t, p), n in confused
        },
        **options,
    }

    def choose() -> None:
        text = st.session_state.map_search or ""
        if chosen := text if text in options else read_classes(text):
            url.go(selected=chosen, image=None)
        elif (number := selected_maps.read_number(now, text)) is not None:
            url.go(image=number)
        elif text:
            session.notify(
                f"{text[:40]!r} is neither a class nor an image of this map: type the name of a class, two of them as "
                "in shirts taken for coats, or the number of an image.",
                wrong=True,
            )

    current = st.query_params.get("selected")
    st.session_state.map_search = current if current in options else None
    st.selectbox(
        "Search", list(options), format_func=lambda text: options.get(text, text), key="map_search", index=None,
        placeholder="A class, two classes, or an image number", accept_new_options=True, on_change=choose,
        label_visibility="collapsed",
    )  # fmt: skip


def read_classes(text: str) -> str | None:
    """How the link selects a class or a cell that someone typed: "shirt", "Ankle Boots", "shirts taken for coats".

    None where it is neither.
    """
    labels = [CLASSES.get(_letters(part)) for part in text.removeprefix("all ").split(" taken for ")]
    if None in labels or len(labels) > 2:
        return None
    return "".join(f"{name}{label}" for name, label in zip("tp", labels))


def _letters(text: str) -> str:
    return "".join(filter(str.isalnum, text.partition(":")[0].casefold()))


# What people may call a class, in small letters only.
CLASSES = {
    _letters(name): label
    for label, names in enumerate(zip(CLASS_NAMES, PLURALS))
    for name in (*names, *names[0].split("/"))
}


def _gallery(now: Mapped, positions: np.ndarray, title: str, key: str) -> None:
    st.subheader(title, anchor=False)
    closed = last_opened()
    data = shared.dataset()
    last = data.addresses.id(*closed) if closed else None
    if last is not None:
        turn_again(f"map_{now.layer}_{now.split}_{key}")
    places = np.flatnonzero(now.ids[positions] == last)
    page = choose_page(len(positions), f"map_{now.layer}_{now.split}_{key}", places)
    chosen = positions[(page - 1) * PAGE : page * PAGE]
    if not len(chosen):
        return
    predicted, train_name = now.predicted, "validation" if now.split == "validation" else "train"
    items = []
    for position in chosen:
        image_id, label, guess = int(now.ids[position]), int(now.labels[position]), int(predicted[position])
        wrong = guess != label and guess < len(CLASS_NAMES)
        part, number = data.addresses.part_and_number(image_id)
        name = formatting.image_name("test" if part == "test" else train_name, number, label)
        caption = f"predicted:\n{CLASS_NAMES[guess]}" if guess < len(CLASS_NAMES) else CLASS_NAMES[label]
        items.append(Item(image_id, caption, f"{name}: taken for {CLASS_NAMES[guess]}" if wrong else name, wrong))
    split = now.split  # a session keeps the callback of every gallery that it has shown: not the whole map with it
    gallery(
        data.images_of(now.ids[chosen]), items, f"map_gallery_{key}",
        lambda image_id: url.go(image=selected_maps.number_in_link(split, image_id)),
        size=62, height=HEIGHT, current=last, focus=True,
    )  # fmt: skip


def _mix(now: Mapped, positions: np.ndarray) -> None:
    """Which classes are in the selection, and the cells of the matrix that they come from."""
    counts = np.bincount(now.labels[positions], minlength=len(CLASS_NAMES))
    order = [label for label in np.argsort(-counts, kind="stable") if counts[label]]
    shares = counts / len(positions)
    parts = [
        f"{formatting.plural(int(label))} {num(counts[label]):,}"
        + (f" ({formatting.percent(shares[label], 0)})" if shares[label] >= 0.005 else "")
        for label in order
    ]
    st.markdown("**Selected:** " + ", ".join(parts))
    if not now.run or now.split == "all":
        return
    matrix = now.matrix(positions)
    cells = [divmod(int(cell), len(CLASS_NAMES)) for cell in np.argsort(-matrix, axis=None, kind="stable")[:30]]
    confused = [(true, predicted) for true, predicted in cells if true != predicted and matrix[true, predicted]][:CELLS]
    for true, predicted in confused:
        place = {"run": now.run.id, "split": now.split, "true": str(true), "pred": str(predicted)}
        count = f"{matrix[true, predicted]} here"
        words = f"{formatting.plural(true, start=True)} taken for {formatting.plural(predicted)}: {count}"
        st.page_link(session.CONFUSIONS_PAGE, label=words, query_params=place)


def _downloads(now: Mapped, positions: np.ndarray) -> None:
    name = f"{now.run.id if now.run else 'pixels'}-{now.layer}-{now.split}-{now.config.method}"
    everyone = np.arange(len(now.ids))
    with st.container(horizontal=True):
        widgets.download("Selection, CSV", lambda: map_csv(now, positions), f"{name}-selection.csv", "text/csv")
        widgets.download("Map, CSV", lambda: map_csv(now, everyone), f"{name}.csv", "text/csv")
        widgets.download("Map, npz", lambda: map_npz(now), f"{name}.npz", "application/octet-stream")


def map_csv(now: Mapped, positions: np.ndarray) -> str:
    """One line an image: part and number, true and predicted class, coordinates."""
    rows, predicted, addresses = [], now.predicted, shared.dataset().addresses
    for position in positions:
        guess = predicted[position] if predicted[position] < len(CLASS_NAMES) else ""
        place = (f"{value:.6g}" for value in now.coordinates[position])
        rows.append([*addresses.part_and_number(now.ids[position]), now.labels[position], guess, *place])
    return csv_text(["part", "image", "true", "predicted", *"xyz"[: now.coordinates.shape[1]]], rows)


def map_npz(now: Mapped) -> bytes:
    """The arrays that `python -m fmexplore embed --out` writes."""
    content = io.BytesIO()
    index = shared.dataset().addresses.names(now.split, now.ids)
    np.savez(content, coordinates=now.coordinates, labels=now.labels, index=index)
    return content.getvalue()


def _one(now: Mapped, ids: np.ndarray, image_id: int) -> np.ndarray:
    """The card of an image, with a way through the others of its gallery."""
    position = now.position(image_id)
    assert position is not None  # the page has looked
    part, number = shared.dataset().addresses.part_and_number(image_id)
    way, near = way_through(ids, image_id, "Close")
    to_link = {
        name: None if other is None else selected_maps.number_in_link(now.split, other) for name, other in near.items()
    }
    logits = now.outputs.logits[position] if now.outputs.known[position] else None
    image_card(now.run, part, number, logits, way, to_link, session.EMBEDDINGS_PAGE)
    return np.zeros(0, int) if now.moment else _neighbours(now, position)  # features are those of the run's end


def _neighbours(now: Mapped, position: int) -> np.ndarray:
    """Ids of its nearest images on this map's own points, drawn there as lines."""
    metrics: tuple[Metric, ...] = ("euclidean", "cosine")
    display_options.recall({"neighbour_distance": metrics})
    metric = st.segmented_control(
        "Neighbours on the map, by distance", metrics, key="neighbour_distance", required=True,
        persist_state="session",
    )  # fmt: skip
    points = shared.points(now.run, now.layer, now.split)
    if points is None:
        question = shared.analyst().ask("layer_features", run=now.run, layer=now.layer, split=now.split)
        widgets.await_answer(question, "Computing the features of all images")
        points = shared.points(now.run, now.layer, now.split)
    if points is None:
        return np.zeros(0, int)
    sample = selected_maps.rows_of(now, len(points))
    found, _ = neighbours(points[sample], np.array([position]), NEIGHBOURS, metric or metrics[0])
    return now.ids[found[0]]
