"""Files that people choose: opened whatever they are like, or refused with a message, on pictures drawn here."""

import struct
import subprocess
import sys
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fmexplore.errors import PhotoError
from fmexplore.photos import files
from fmexplore.photos.files import WORKING_SIDE, open_photo, picture_formats, picture_suffixes, read_photo
from tests.photos.pictures import BLUE, RED, colour_at, pack, two_halves

ORIENTATION = 0x0112


def refused(content: bytes, name: str) -> str:
    with pytest.raises(PhotoError) as caught:
        open_photo(content, name)
    return str(caught.value)


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8))


def png_that_says(width: int, height: int) -> bytes:
    """A few bytes with a header of any size."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


# Files that cannot be used: name, what is wrong, remedy.


@pytest.mark.parametrize("content", [b"", b"hello", b"<html>404</html>" * 100], ids=["empty", "short", "html"])
def test_a_text_named_png_is_no_picture(content):
    assert refused(content, "cat.png") == "cat.png is not a picture: choose another file, best a JPEG, PNG or HEIC."


@pytest.mark.parametrize("kept", [0.02, 0.5, 0.95])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_file_that_was_cut_off_is_named(kind, kept):
    content = pack(noise(300, 200), kind)
    error = refused(content[: int(kept * len(content))], "half.file")
    assert error.startswith("half.file ")
    assert "save it again" in error


def test_a_damaged_heic_is_named():
    assert refused(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(200), "a.heic").startswith("a.heic ")


@pytest.mark.parametrize(("width", "height"), [(30_000, 30_000), (10_000, 10_000), (5001, 10_000)])
def test_a_header_that_promises_too_many_pixels_is_refused(width, height):
    error = refused(png_that_says(width, height), "bomb.png")
    assert error == "bomb.png has more than 50 megapixels: make it smaller first."


@pytest.mark.slow
def test_a_bomb_is_refused_before_it_is_unpacked():
    content = pack(Image.new("1", (30_000, 30_000)), "PNG")
    assert len(content) < 200_000
    tracemalloc.start()
    error = refused(content, "bomb.png")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "make it smaller first" in error
    assert peak < 2_000_000


def test_no_pixel_of_a_picture_that_is_too_large_is_decoded(monkeypatch):
    def load(picture):
        raise AssertionError("decoded")

    content = pack(Image.new("1", (8000, 7000)), "PNG")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    assert "50 megapixels" in refused(content, "poster.png")


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG", "TIFF", "AVIF"])
def test_of_an_animation_the_first_picture_is_taken(kind):
    frames = [two_halves(), *(Image.new("RGB", (80, 40), "white") for _ in range(20))]
    opened = open_photo(pack(frames[0], kind, save_all=True, append_images=frames[1:]), "dance")
    assert (opened.mode, opened.size) == ("RGB", (80, 40))
    assert (colour_at(opened, 0.2, 0.5), colour_at(opened, 0.8, 0.5)) == ("red", "blue")


def test_a_page_that_another_program_would_have_to_run_is_no_picture():
    assert "is not a picture" in refused(pack(two_halves(), "EPS"), "page.eps")
    assert not {".eps", ".ps", ".pdf", ".mpg"} & {*picture_suffixes()}


def test_a_large_picture_in_a_format_that_is_decoded_slowly_is_refused():
    content = b"P6\n3000 2000\n15\n"  # not 255 shades: then Python does it
    error = refused(content, "scan.ppm")
    assert error.startswith("scan.ppm has 3,000 x 2,000 pixels: as PPM at most 4 megapixels")


def test_a_picture_in_a_picture_is_held_to_the_limit_too():
    inner = png_that_says(9_000, 9_000)
    content = struct.pack("<HHHBBBBHHII", 0, 1, 1, 64, 64, 0, 0, 1, 32, len(inner), 22) + inner
    assert refused(content, "bomb.ico") == "bomb.ico has more than 50 megapixels: make it smaller first."


@pytest.mark.parametrize(("size", "said"), [((1, 1), "1 x 1"), ((5000, 20), "5,000 x 20"), ((27, 300), "27 x 300")])
def test_a_picture_with_too_few_pixels_is_refused(size, said):
    error = refused(pack(Image.new("RGB", size), "PNG"), "dot.png")
    assert error == f"dot.png has {said} pixels: at least 28 a side are needed."


def test_28_pixels_a_side_are_enough():
    assert open_photo(pack(Image.new("RGB", (28, 28)), "PNG"), "a.png").size == (28, 28)


def test_a_file_of_more_than_20_mb_is_refused_whatever_it_is():
    padded = pack(two_halves(), "JPEG") + bytes(21_000_000)
    assert refused(padded, "raw.jpg") == "raw.jpg has 21 MB: at most 20 MB, so make it smaller first."


# Files with oddities.


def can_be_written(kind: str) -> bool:
    return kind in Image.SAVE and kind not in (
        "PALM",
        "PDF",
        "XBM",
        "MSP",
        "ICO",
        "ICNS",
        "GRIB",
        "HDF5",
        "BUFR",
        "WMF",
    )


@pytest.mark.parametrize("kind", sorted(filter(can_be_written, picture_formats())))
def test_each_format_opens_as_rgb_whatever_its_name(kind):
    """All that Pillow reads and also writes in colours."""
    picture = two_halves().quantize() if kind == "BLP" else two_halves()
    opened = open_photo(pack(picture, kind), "photo.xyz")
    assert (opened.mode, opened.size) == ("RGB", (80, 40))
    assert (colour_at(opened, 0.2, 0.5), colour_at(opened, 0.8, 0.5)) == ("red", "blue")


def test_the_names_that_files_are_known_by_come_from_pillow():
    names = picture_suffixes()
    assert {".jpg", ".jfif", ".png", ".webp", ".heic", ".avif", ".gif", ".bmp", ".tif", ".tiff"} <= {*names}
    assert names[0] == ".jpg"
    assert len(names) == len({*names}) == sum(map(len, picture_formats().values()))


def test_a_heic_opens():
    """A dark blue box on light grey, 400 x 300; nothing that is pinned here can write one."""
    picture = open_photo((Path(__file__).parents[1] / "files" / "blue_box.heic").read_bytes(), "box.heic")
    assert (picture.size, picture.mode) == ((400, 300), "RGB")
    for place, wanted in (((200, 150), (20, 30, 120)), ((5, 5), (240, 240, 240))):
        assert np.abs(np.array(picture.getpixel(place)) - wanted).max() <= 4


def test_without_the_reader_of_heic_other_photos_still_open(monkeypatch):
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    monkeypatch.delitem(Image.OPEN, "HEIF", raising=False)  # which another test may have registered
    monkeypatch.setattr(files, "picture_formats", picture_formats.__wrapped__)
    assert "HEIF" not in files.picture_formats()
    assert open_photo(pack(two_halves(), "PNG"), "a.png").size == (80, 40)
    assert "is not a picture" in refused(b"hello", "a.heic")


def test_a_photo_of_12_megapixels_is_reduced():
    opened = open_photo(pack(two_halves().resize((4000, 3000)), "JPEG"), "camera.jpg")
    assert opened.size == (480, 360)
    assert (colour_at(opened, 0.2, 0.5), colour_at(opened, 0.8, 0.5)) == ("red", "blue")


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_tall_photo_keeps_its_shape_and_a_small_one_its_size(kind):
    assert open_photo(pack(Image.new("RGB", (1000, 2000)), kind), "a").size == (240, WORKING_SIDE)
    assert open_photo(pack(Image.new("RGB", (100, 50)), kind), "a").size == (100, 50)


@pytest.mark.parametrize(
    ("orientation", "size", "red"),
    [
        (1, (80, 40), (0.1, 0.5)),
        (2, (80, 40), (0.9, 0.5)),
        (3, (80, 40), (0.9, 0.5)),
        (6, (40, 80), (0.5, 0.1)),  # held upright: the left of the sensor is the top
        (8, (40, 80), (0.5, 0.9)),
        (99, (80, 40), (0.1, 0.5)),
        (0, (80, 40), (0.1, 0.5)),
    ],
)
def test_a_photo_is_turned_as_its_exif_says_where_that_makes_sense(orientation, size, red):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    opened = open_photo(pack(two_halves(), "JPEG", exif=exif), "phone.jpg")
    assert opened.size == size
    assert colour_at(opened, *red) == "red"
    assert colour_at(opened, 1 - red[0], 1 - red[1]) == "blue"


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("exif", [b"Exif\0\0garbage", b"Exif\0\0II*\0\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\0\0"])
def test_damaged_exif_is_ignored(exif):
    opened = open_photo(pack(two_halves(), "JPEG", exif=exif), "phone.jpg")
    assert opened.size == (80, 40)
    assert colour_at(opened, 0.1, 0.5) == "red"


def test_a_cmyk_jpeg_has_the_colours_that_it_shows():
    opened = open_photo(pack(Image.new("CMYK", (60, 60), (0, 255, 255, 0)), "JPEG"), "print.jpg")
    red, green, blue = opened.getpixel((30, 30))
    assert opened.mode == "RGB"
    assert red > 230
    assert max(green, blue) < 25


@pytest.mark.parametrize(("value", "grey"), [(0, 0), (200, 1), (32_768, 128), (65_535, 255)])
def test_16_bits_of_grey_become_8(value, grey):
    opened = open_photo(pack(Image.fromarray(np.full((60, 60), value, np.uint16)), "PNG"), "scan.png")
    assert opened.mode == "RGB"
    assert opened.getpixel((30, 30)) == pytest.approx((grey,) * 3, abs=1)


def test_a_palette_with_transparency_keeps_colours_and_transparency():
    picture = Image.new("P", (60, 60), 0)
    picture.putpalette([*RED, *BLUE])
    picture.paste(1, (20, 20, 40, 40))
    opened = open_photo(pack(picture, "PNG", transparency=0), "logo.png")
    assert opened.mode == "RGBA"
    assert opened.getpixel((30, 30)) == (*BLUE, 255)
    assert opened.getpixel((5, 5))[3] == 0


def test_a_picture_of_which_nothing_is_transparent_is_rgb():
    assert open_photo(pack(two_halves().convert("RGBA"), "PNG"), "a.png").mode == "RGB"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")
def test_the_largest_picture_that_is_taken_needs_less_than_half_a_gigabyte(tmp_path):
    path = tmp_path / "large.png"
    Image.new("RGBA", (7071, 7071), (9, 9, 9, 99)).save(path, compress_level=1)
    code = (
        "import resource, sys; from fmexplore.photos.files import open_photo; idle = resource.getrusage(0).ru_maxrss;"
        "open_photo(open(sys.argv[1], 'rb').read(), 'large'); print(resource.getrusage(0).ru_maxrss - idle)"
    )
    out = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True, timeout=60)
    assert int(out.stdout) < 500_000  # kilobytes


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "shirt.jpg").mkdir()
    with pytest.raises(PhotoError, match=r"shirt\.jpg cannot be read \(Is a directory\)"):
        read_photo(tmp_path / "shirt.jpg")
