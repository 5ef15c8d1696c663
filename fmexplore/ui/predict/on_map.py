"""Where a photo lies on the map of the test images, and how often the network is wrong around there."""

import numpy as np
import streamlit as st

from fmexplore.data.addresses import find_positions
from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.embeddings.features import LAST
from fmexplore.embeddings.neighbours import interpolate_position
from fmexplore.embeddings.projection import ProjectionConfig
from fmexplore.photos.scoring import PhotoPredictions
from fmexplore.runs.run import Run
from fmexplore.ui import session, shared, url
from fmexplore.ui.components.gallery import picture_sheet
from fmexplore.ui.components.scatter import Frame, Points, mark, scatter
from fmexplore.ui.embeddings.canvas import want_picture, wanted_pictures
from fmexplore.ui.embeddings.computing import compute_map
from fmexplore.ui.embeddings.sheets import sheet_address
from fmexplore.ui.images.card import find_index
from fmexplore.ui.selection import maps as selected_maps
from fmexplore.ui.selection.maps import Source
from fmexplore.ui.selection.photos import Known, Photo

NEAR = 40  # whose errors are counted


def place_on_map(photo: Photo, run: Run, known: Known, verdicts: PhotoPredictions) -> None:
    """Its place on the map of the test images, and how often the network is wrong around there."""
    index = find_index(run)
    if index is None:
        return
    source = Source(run, LAST, "test")
    now = selected_maps.read_map(source, ProjectionConfig(method="umap"))
    if now is None:
        now = compute_map(source, ProjectionConfig(method="pca"), "Making a map of the test images")
    addresses = shared.dataset().addresses
    photo_id = len(addresses)  # after the last test image
    everyone = addresses.names("test", now.ids)
    code = index.axes.encode(known.features[None])[0]
    numbers, distances = index.nearest(code, everyone, NEAR, "test")
    rows = find_positions(everyone, numbers)
    point = interpolate_position(np.arange(10)[None], distances[None, :10], now.coordinates[rows[:10]])
    predicted = int(verdicts.probabilities[0].argmax())
    st.markdown(f"**{_record(now.labels[rows], now.predicted[rows], predicted)}**")
    outputs = now.outputs
    frame = outputs.frame(now.coordinates)
    with_photo = Frame(
        np.concatenate([frame.coordinates, point]),
        np.append(frame.predicted, np.uint8(predicted)),
        np.append(frame.confidence, np.float32(verdicts.probabilities[0].max())),
        np.append(frame.loss, np.float32(0)),
    )
    points = Points(np.append(now.ids, photo_id), np.append(now.labels, np.uint8(predicted)), (with_photo,), addresses)
    name = f"{now.key}{photo.id}"

    def pick(image_id: int) -> None:
        if image_id != photo_id:
            url.open_page(
                session.EMBEDDINGS_PAGE, run=run.id, split="test", image=selected_maps.number_in_link("test", image_id)
            )

    scatter(points, name, "photo_map", "photo_scatter", sheet_address(), pick, on_want=want_picture)
    pictures = {**wanted_pictures(), photo_id: picture_sheet(known.image[None], 1)}
    mark("photo_map", focus=photo_id, neighbours=[int(each) for each in now.ids[rows[:10]]], pictures=pictures)
    st.caption(
        "Your photo lies between the ten test images with the nearest features; lines lead to them. "
        f"The map itself: {now.config.method.upper()} of the last layer."
    )
    st.page_link(session.EMBEDDINGS_PAGE, label="The whole map", query_params={"run": run.id})


def _record(labels: np.ndarray, predicted: np.ndarray, guess: int) -> str:
    """How reliable the network is where the photo lies."""
    called = predicted == guess
    wrong = int((called & (labels != guess)).sum()) or "none"
    name = CLASS_NAMES[guess]
    if not called.any():
        return f"Of the {len(labels)} test images nearest to it none is predicted as {name}: do not trust this verdict"
    return (
        f"Of the {len(labels)} test images nearest to it {int(called.sum())} are predicted as {name}, "
        f"{wrong} of them wrongly"
    )
