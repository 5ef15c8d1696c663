"""Data issues: likely label errors, and near-duplicates in training and test set."""

from collections import Counter
from pathlib import Path

import numpy as np
import streamlit as st

from fmexplore.analysis.images import NEAR_DUPLICATES
from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.errors import RunBroken
from fmexplore.runs.run import Arrays, unpack
from fmexplore.ui import messages, shared, url, widgets
from fmexplore.ui.components.gallery import Item, gallery
from fmexplore.ui.formatting import num
from fmexplore.ui.images.gallery import HEIGHT, find_image, images_or_card
from fmexplore.ui.selection.predictions import Shown
from fmexplore.ui.url import Link

KINDS = LABELS, PAIRS = "Likely label errors", "Near-duplicates in training and test"
MOST_PAIRS, MOST_KINDS = 60, 10


def suspects(now: Shown, selection: Link) -> None:
    """One of two lists, chosen here."""
    kind = st.segmented_control(
        "List",
        KINDS,
        key="suspects_kind",
        required=True,
        persist_state="session",
        label_visibility="collapsed",
    )
    if kind == PAIRS:
        _near_duplicates(now, selection)
    else:
        _labels(now, selection)


def _labels(now: Shown, selection: Link) -> None:
    with st.container():
        positions = _doubted(now)
    left, right = st.columns([52, 48], gap="large")
    with left:
        st.subheader(
            f"{num(len(positions)):,} of {num(len(now.predictions)):,} labels are likely errors, by confident learning",
            anchor=False,
        )
        seen = now.split == "train"
        st.caption(
            "Each is labelled as one class and predicted, with high probability, as another; the most doubtful first. "
            "Found by confident learning (Northcutt, Jiang, Chuang 2021). Some labels are wrong, others belong to rare "
            "kinds that the network has not learnt: look at the images."
            + (" The network was trained on these labels, so it contradicts few of them." if seen else "")
        )

        def caption(position: int) -> str:
            label, predicted = now.predictions.labels[position], now.predictions.predicted[position]
            return f"label {CLASS_NAMES[label]}\npredicted {CLASS_NAMES[predicted]}"

        images_or_card(
            now, positions, None, lambda: None, f"doubt_{now.run.id}_{now.split}", sortable=False, caption=caption
        )
    with right, messages.boundary():
        if find_image(now, selection.image) is None:
            _commonest(now, positions)
        else:
            images_or_card(now, positions, selection.image, lambda: None, "doubt", "Close", sortable=False)


def _commonest(now: Shown, positions: np.ndarray) -> None:
    """The most frequent likely label errors."""
    if not len(positions):
        return
    pairs = Counter(zip(now.predictions.labels[positions], now.predictions.predicted[positions], strict=True))
    rows = [
        {"Label": CLASS_NAMES[label], "Predicted": CLASS_NAMES[predicted], "Images": count}
        for (label, predicted), count in pairs.most_common(MOST_KINDS)
    ]
    st.subheader("Choose an image to see why its label is doubted", anchor=False)
    st.caption("The kinds that are doubted most often:")
    widgets.table(rows, hide_index=True, height="content")


def _doubted(now: Shown) -> np.ndarray:
    key = ("doubted", str(now.run.path), now.run.weights_digest, now.split, now.moment.step)
    if st.session_state.get("doubted_key") != key:
        question = shared.analyst().ask("find_label_errors", run=now.run, predictions=now.predictions)
        st.session_state.doubted = widgets.await_answer(question, "Looking for label errors")
        st.session_state.doubted_key = key
    return st.session_state.doubted


def _near_duplicates(now: Shown, selection: Link) -> None:
    """Pairs of a test and a training image, the most similar first."""
    arrays, data = _stored_pairs(), shared.dataset()
    with st.container():
        if arrays is None or len(arrays["numbers"]) != len(data.test):
            question = shared.analyst().ask("pair_near_duplicates")
            arrays = widgets.await_answer(question, "Comparing every test image with every training image")
    distances, numbers = arrays["distances"], arrays["numbers"]
    closest = np.argsort(distances, kind="stable")[:MOST_PAIRS]
    exact, names = int((distances == 0).sum()), np.array(CLASS_NAMES)
    labels = names[data.test.labels[closest]], names[data.train.labels[numbers[closest]]]
    left, right = st.columns([52, 48], gap="large")
    with left:
        st.subheader(
            f"{exact or 'No'} test image{' is' if exact < 2 else 's are'} also in the training set, pixel for pixel; "
            f"{len(closest)} pairs differ by {num(distances[closest[0]]):.1f} to "
            f"{num(distances[closest[-1]]):.1f} of 255 "
            "grey levels",
            anchor=False,
        )
        st.caption(
            "Left: the test image. Right: the most similar training image, with the root mean square difference of "
            f"their pixels. {int((labels[0] != labels[1]).sum())} of these pairs have different labels."
        )
        items = [
            Item(
                int(number),
                f"{one}{'' if one == other else f' | {other}'}, {num(distances[number]):.1f}",
                f"Test image {num(number):,}, {one}, and training image {num(numbers[number]):,}, {other}",
                bool(one != other),
            )
            for number, one, other in zip(closest, *labels, strict=True)
        ]
        pairs = np.concatenate([data.test.images[closest], data.train.images[numbers[closest]]], axis=2)
        gallery(
            pairs,
            items,
            "near_duplicates",
            lambda number: url.go(split="test", image=number),
            size=112,
            height=HEIGHT,
            current=selection.image,
        )
    with right, messages.boundary():
        if now.split == "test" and find_image(now, selection.image) is not None:
            images_or_card(now, closest, selection.image, lambda: None, "near_duplicates", "Close", sortable=False)
        else:
            st.markdown("**Why it matters**")
            st.write(
                "A test image that is also in the training set (data leakage) tests nothing. Choose a pair to see what "
                "the network predicts."
            )


@shared.keep(1)
def _read_pairs(path: str, modified: float) -> Arrays:
    del modified  # is in the key
    return unpack(Path(path))[0]


def _stored_pairs() -> Arrays | None:
    path = shared.settings().cache / NEAR_DUPLICATES
    try:
        return _read_pairs(str(path), path.stat().st_mtime)
    except (OSError, RunBroken):
        return None
