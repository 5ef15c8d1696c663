"""The Predict page: photos come in, one is looked at, or all of them; the choice of the views."""

import numpy as np
import streamlit as st

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.photos.files import MAX_MB, picture_suffixes
from fmexplore.photos.synthetic import draw_scene
from fmexplore.runs.run import Run
from fmexplore.ui import formatting, messages, session, shared
from fmexplore.ui.components.gallery import Item, gallery
from fmexplore.ui.formatting import num
from fmexplore.ui.predict.card import photo_card
from fmexplore.ui.predict.fine_tuning import fine_tuning
from fmexplore.ui.predict.table import photo_set
from fmexplore.ui.selection import photos
from fmexplore.ui.selection import predictions as selected_predictions
from fmexplore.ui.selection.photos import Photo

VIEWS = {"one": "One by one", "all": "All together", "teach": "Teach it"}
SAMPLE_SIDE = 320


def predict() -> None:
    shared.analyst()
    run = _usable_run()
    if run is None:
        return
    here = photos.photos()
    if not here:
        st.subheader("What does a network recognise in your clothes?", anchor=False)
    with st.container():
        _bring_in()
    if not here:
        _samples("Or try one of these: test images made to look like photos", len(CLASS_NAMES))
        _tell_source(run)
        return
    view = "one"
    if len(here) > 1 or st.session_state.get("photo_view", "one") != "one":
        view = st.segmented_control(
            "View", list(VIEWS), format_func=VIEWS.__getitem__, key="photo_view", default="one", required=True,
            label_visibility="collapsed",
        )  # fmt: skip
    if not run.photo_fit.photos:
        _advise(run)
    with messages.boundary():
        if view == "all":
            photo_set(run)
        elif view == "teach":
            fine_tuning(run)
        else:
            photo_card(_choose(here), run)


def _tell_source(run: Run) -> None:
    """From whose photos the run has learnt."""
    fit = run.photo_fit
    if fit.source:
        st.caption(
            f"The run {formatting.plain(run.title)} learnt from {num(fit.photos):,} photos: "
            f"{formatting.plain(fit.source)}."
        )


def _usable_run() -> Run | None:
    """The shown run, if it has weights to predict with; else says what to do."""
    run = session.shown_run(session.FOR_PHOTOS)
    if run is None:
        st.info("There is no trained network yet.")
        st.page_link(session.TRAIN_PAGE, label="Train a network")
        return None
    if why := selected_predictions.unavailable_reason(run):
        st.info(f"{formatting.plain(run.title)} {why}: choose another run, or come back when it has ended.")
        return None
    return run


def _bring_in() -> None:
    """Files, camera, samples. A new key for each lot: what was uploaded is let go once it has been reduced."""
    lot = st.session_state.setdefault("photo_lot", 0)
    left, right = st.columns([64, 36], gap="medium", vertical_alignment="top")
    with left:
        files = st.file_uploader(
            "Photos of clothes, one garment each", picture_suffixes(), accept_multiple_files=True,
            key=f"photo_files_{lot}", max_upload_size=MAX_MB, label_visibility="collapsed",
        )  # fmt: skip
        usual = [ending[1:].upper() for ending in picture_suffixes() if ending != ".jpeg"][:5]
        st.caption(
            f"One garment a photo; {', '.join(usual)} and most other formats, at most {MAX_MB} MB each. Photos stay in "
            "the memory of this session: they are never written to disk, and are deleted when it ends."
        )
    with right, st.container(horizontal=True, gap="small"):
        with st.popover("Camera", icon=":material/photo_camera:"):
            if st.toggle("Use the camera", key="use_camera"):
                shot = st.camera_input("Hold the garment in front of it", key=f"photo_camera_{lot}")
                if shot:
                    files = [shot]
        if photos.photos():
            with st.popover("Samples"):
                _samples("Test images made to look like photos", 5)
            st.button("Remove all", on_click=photos.remove)
    if files:
        before = set(photos.photos())
        st.session_state.photo_problems = photos.add_files((file.name, file.getvalue()) for file in files)
        new = [photo_id for photo_id in photos.photos() if photo_id not in before]
        if new:
            st.session_state.photo_shown = new[0]
        st.session_state.photo_lot += 1
        st.rerun()
    if problems := st.session_state.get("photo_problems"):
        st.error("\n\n".join(map(formatting.plain, problems)))
        st.button("Dismiss", key="dismiss_photos", on_click=lambda: st.session_state.pop("photo_problems", None))


def sample_numbers() -> list[int]:
    """A test image of each class."""
    labels = shared.dataset().test.labels
    return [int(number) for label in range(len(CLASS_NAMES)) for number in np.flatnonzero(labels == label)[1:2]]


def _samples(title: str, across: int) -> None:
    """The samples, so many in a row."""
    st.markdown(f"**{title}**")
    labels, numbers = shared.dataset().test.labels, sample_numbers()
    items = [Item(n, CLASS_NAMES[labels[n]], f"Sample: {CLASS_NAMES[labels[n]]}") for n in numbers]

    def take(number: int) -> None:
        name = f"Sample {CLASS_NAMES[labels[number]]}"
        messages.act(lambda: st.session_state.update(photo_shown=photos.add_picture(name, sample(number))))

    if numbers:
        pictures = np.stack([sample(number) for number in numbers])
        gallery(pictures, items, "photo_samples", take, across=across, label="Samples")


@shared.keep(32)
def sample(number: int) -> np.ndarray:
    """A test image as if photographed: the same every time, `(side, side, 3) uint8`."""
    return draw_scene(shared.dataset().test.images[number], np.random.default_rng(number), SAMPLE_SIDE)[0]


def _advise(run: Run) -> None:
    """A run that was not trained on photos is not the best choice."""
    better = session.shipped_run(session.FOR_PHOTOS)
    if better is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.caption(f"{formatting.plain(run.title)} was not trained on photos.")
        st.button(f"Use {better.title}, which was", on_click=session.select_run, args=(better.id,))


def _choose(here: dict[str, Photo]) -> Photo:
    """The photo to look at; with several, from their pictures."""
    if st.session_state.get("photo_shown") not in here:
        st.session_state.photo_shown = next(iter(here))
    chosen = here[st.session_state.photo_shown]
    if len(here) > 1:
        ids = list(here)

        def show(number: int) -> None:
            st.session_state.photo_shown = ids[number]

        gallery(
            np.stack([photos.thumbnail(photo.picture) for photo in here.values()]),
            [Item(n, "", f"Photo {n + 1}: {photo.name}") for n, photo in enumerate(here.values())],
            "photo_strip", show, size=72, stretch=False, height=170, current=ids.index(chosen.id), label="Your photos",
        )  # fmt: skip
    return chosen
