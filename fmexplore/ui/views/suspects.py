"""Images to doubt: labels that the network contradicts, and pictures that are in training and test set alike."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import streamlit as st

from fmexplore.analyses import TWINS
from fmexplore.data import CLASS_NAMES
from fmexplore.errors import RunBroken
from fmexplore.run import Arrays, unpack
from fmexplore.ui import cache, link, widgets
from fmexplore.ui.components.gallery import Item, gallery
from fmexplore.ui.link import Link
from fmexplore.ui.shown import Shown
from fmexplore.ui.views.images import images_or_card

LABELS, PAIRS = "Labels it contradicts", "Twins in training and test"
MOST_PAIRS, MOST_KINDS = 60, 10


def suspects(now: Shown, selection: Link) -> None:
    """One of two lists, chosen here."""
    kind = st.segmented_control(
        "List",
        (LABELS, PAIRS),
        key="suspects_kind",
        default=LABELS,
        required=True,
        persist_state="session",
        label_visibility="collapsed",
    )
    if kind == PAIRS:
        _twins()
    else:
        _labels(now, selection)


def _labels(now: Shown, selection: Link) -> None:
    positions = _doubted(now)
    left, right = st.columns([52, 48], gap="large")
    with left:
        st.subheader(f"{len(positions):,} of {len(now.predictions):,} labels look wrong to the network", anchor=False)
        seen = now.split == "train"
        st.caption(
            "Each is labelled as one class and looks, with high probability, like another: the most doubtful first. "
            "Found by confident learning (Northcutt, Jiang, Chuang 2021). Some are wrong labels, others are rare kinds "
            "that the network does not know: look at them."
            + (" It has learnt these labels, so it doubts few." if seen else "")
        )
        if not len(positions):
            return

        def caption(position: int) -> str:
            label, said = now.predictions.labels[position], now.predictions.predicted[position]
            return f"label {CLASS_NAMES[label]}\nlooks {CLASS_NAMES[said]}"

        images_or_card(
            now, positions, None, lambda: None, f"doubt_{now.run.id}_{now.split}", sortable=False, caption=caption
        )
    with right, widgets.boundary():
        if now.position(selection.image) is None:
            _commonest(now, positions)
        else:
            images_or_card(now, positions, selection.image, lambda: None, "doubt", "Close", sortable=False)


def _commonest(now: Shown, positions: np.ndarray) -> None:
    """Which labels are doubted most often."""
    pairs = Counter(zip(now.predictions.labels[positions], now.predictions.predicted[positions], strict=True))
    rows = [
        {"Label": CLASS_NAMES[label], "Looks like": CLASS_NAMES[said], "Images": count}
        for (label, said), count in pairs.most_common(MOST_KINDS)
    ]
    st.markdown("**Choose an image to see why it is doubted.** Most often:")
    st.dataframe(pd.DataFrame(rows), hide_index=True, height="content")


def _doubted(now: Shown) -> np.ndarray:
    key = ("doubted", str(now.run.path), now.run.weights_digest, now.split, now.moment.step)
    if st.session_state.get("doubted_key") != key:
        question = cache.analyst().ask("doubt_labels", run=now.run, predictions=now.predictions)
        st.session_state.doubted = widgets.await_answer(question, "Looking for contradictions")
        st.session_state.doubted_key = key
    return st.session_state.doubted


def _twins() -> None:
    """Pairs of a test and a training image, the most alike first."""
    arrays = _known_twins()
    data = cache.dataset()
    if arrays is None or len(arrays["numbers"]) != len(data.test):
        question = cache.analyst().ask("pair_twins")
        arrays = widgets.await_answer(question, "Comparing every test image with every training image")
    distances, numbers = arrays["distances"], arrays["numbers"]
    closest = np.argsort(distances, kind="stable")[:MOST_PAIRS]
    exact = int((distances == 0).sum())
    differ = int((data.test.labels[closest] != data.train.labels[numbers[closest]]).sum())
    st.subheader(
        f"{exact or 'No'} test image{' is' if exact < 2 else 's are'} in the training set exactly; the "
        f"{len(closest)} nearest pairs differ by {distances[closest[0]]:.1f} to {distances[closest[-1]]:.1f} of 255",
        anchor=False,
    )
    st.caption(
        "Left the test image, right the training image most like it, with the root mean square difference of their "
        f"pixels. {differ} of these pairs have different labels."
    )
    images = np.stack([data.test.images[closest], data.train.images[numbers[closest]]], 1).reshape(-1, 28, 28)
    items = []
    for test in closest:
        train = int(numbers[test])
        names = CLASS_NAMES[data.test.labels[test]], CLASS_NAMES[data.train.labels[train]]
        wrong = names[0] != names[1]
        items += [
            Item(2 * int(test), names[0], f"Test image {test}, {names[0]}", wrong),
            Item(
                2 * train + 1,
                f"{names[1] if wrong else 'differs by'} {distances[test]:.1f}",
                f"Training image {train}, {names[1]}",
                wrong,
            ),
        ]
    gallery(
        images, items, "twins", lambda n: link.go(split="train" if n % 2 else "test", image=n // 2), size=84, height=640
    )


@st.cache_data(max_entries=1, show_spinner=False)
def _read_twins(path: str, modified: float) -> Arrays:
    del modified  # is in the key
    return unpack(Path(path))[0]


def _known_twins() -> Arrays | None:
    path = cache.settings().cache / TWINS
    try:
        return _read_twins(str(path), path.stat().st_mtime)
    except (OSError, RunBroken):
        return None
