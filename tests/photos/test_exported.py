"""Pictures that are images of the data set themselves: recognised alone, on sheets and enlarged; photos never are."""

import io

import numpy as np
import pytest
from PIL import Image

from fmexplore.photos.exported import are_alike, find_exported
from fmexplore.photos.files import open_exported
from fmexplore.photos.synthetic import draw_scene


@pytest.fixture(scope="module")
def images() -> np.ndarray:
    """Twelve garments as simple shapes, grey on black."""
    draw = np.random.default_rng(0)
    found = np.zeros((12, 28, 28), np.uint8)
    for image in found:
        left, top = draw.integers(3, 9, 2)
        image[top : 28 - top, left : 28 - left] = draw.integers(60, 250, (28 - 2 * top, 28 - 2 * left))
        image[14, 14] = 255
    return found


def sheet(images: np.ndarray, columns: int, gap: int = 0, edge: bool = False, colour: int = 0) -> np.ndarray:
    rows = -(-len(images) // columns)
    cells = np.full((rows * columns, 28 + gap, 28 + gap), colour, np.uint8)
    cells[: len(images), :28, :28] = images
    cells[len(images) :, :28, :28] = 0
    whole = cells.reshape(rows, columns, 28 + gap, 28 + gap).swapaxes(1, 2).reshape(rows * (28 + gap), -1)
    if gap:
        whole = whole[:-gap, :-gap]
    return np.pad(whole, gap, constant_values=colour) if edge else whole


def file_of(values: np.ndarray, kind: str = "PNG", mode: str = "L", **options: object) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(values).convert(mode).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "LA"])
def test_an_image_is_recognised_whatever_the_mode_of_its_file(images, mode):
    [found] = open_exported(file_of(images[0], mode=mode), "a.png")
    assert found.dtype == np.uint8
    assert np.array_equal(found, images[0])


def test_an_image_in_16_bits_and_one_in_jpeg_are_recognised(images):
    deep = Image.fromarray(images[0].astype(np.uint16) * 257)
    buffer = io.BytesIO()
    deep.save(buffer, "PNG")
    [found] = open_exported(buffer.getvalue(), "a.png")
    assert np.array_equal(found, images[0])
    assert len(open_exported(file_of(images[0], "JPEG", "RGB", quality=95), "a.jpg")) == 1


@pytest.mark.parametrize(("gap", "edge", "colour"), [(0, False, 0), (1, False, 255), (2, True, 0), (2, True, 255)])
@pytest.mark.parametrize("scale", [1, 3])
def test_a_sheet_is_divided_row_by_row(images, gap, edge, colour, scale):
    whole = sheet(images, 5, gap, edge, colour).repeat(scale, 0).repeat(scale, 1)  # the last row ends early
    found = open_exported(file_of(whole), "sheet.png")
    assert np.array_equal(found, images)


def test_what_is_as_large_but_no_image_of_the_data_set_is_a_photo(images):
    image, draw = images[0], np.random.default_rng(0)
    colours = np.stack([image, image // 2, image], -1)
    for values in (255 - image, np.zeros_like(image), draw.integers(0, 256, (28, 28), np.uint8), image // 3, colours):
        assert open_exported(file_of(values, mode="RGB"), "a.png") == []
    clear = Image.fromarray(image).convert("RGBA")
    clear.putalpha(100)
    assert find_exported(clear) == []
    assert find_exported(Image.new("L", (56, 56))) == []


def test_a_sheet_of_something_else_is_a_photo(images):
    mixed = images.copy()
    mixed[::3] = 255 - mixed[::3]
    assert open_exported(file_of(sheet(mixed, 4)), "sheet.png") == []
    lines = sheet(images, 4, 2)
    lines[:, 28:30] = np.arange(len(lines))[:, None]
    assert open_exported(file_of(lines), "sheet.png") == []


def test_photos_are_photos_also_when_they_are_small(images):
    for number, image in enumerate(images):
        scene, _ = draw_scene(image, np.random.default_rng(number), 280)
        small = Image.fromarray(scene).resize((28, 28))
        assert find_exported(Image.fromarray(scene)) == find_exported(small) == []


def test_a_photo_of_a_phone_is_not_decoded_to_be_looked_at(monkeypatch):
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", lambda _: pytest.fail("decoded"))
    assert open_exported(file_of(np.zeros((28 * 108, 28 * 144), np.uint8), "JPEG"), "phone.jpg") == []


@pytest.mark.real
def test_images_of_the_real_data_set_are_recognised(real):
    """Held-out training images: the test images were not looked at to choose the limits."""
    held_out = real.train.images[::20]
    assert are_alike(held_out).mean() > 0.995
    assert not are_alike(255 - held_out).any()
