"""Opens the photos that people choose, and explains what is wrong with those that cannot be used. Knows Pillow only."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from fmexplore.errors import PhotoError
from fmexplore.photos.exported import find_exported

WORKING_SIDE = 480  # pixels of the longer side, to which photos are reduced
MAX_MB, MAX_MEGAPIXELS, MIN_SIDE = 20, 50, 28
MAX_SLOW_MEGAPIXELS = 4  # in formats that Pillow decodes in Python, a second for each
NO_PICTURES = {"EPS", "MPEG"}  # the former is a program that another one runs, of the latter nothing can be decoded
# Pillow warns of more, also in pictures within pictures, as ICO has them; below, its warning is an error.
Image.MAX_IMAGE_PIXELS = MAX_MEGAPIXELS * 1_000_000
USUAL_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".avif", ".gif", ".bmp", ".tiff")  # are named first
EXIF_ORIENTATION = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_photo(path: Path) -> bytes:
    """The content of a photo's file. Raises PhotoError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise PhotoError(f"{path} cannot be read ({error.strerror}): check its name and permissions.") from None


@cache
def picture_formats() -> dict[str, tuple[str, ...]]:
    """The formats of pictures that can be opened, as Pillow calls them, with the endings of their files."""
    Image.init()
    _register_heif()
    endings: dict[str, list[str]] = {}
    for ending, kind in Image.registered_extensions().items():
        opener = Image.OPEN.get(kind, (None,))[0]
        stub = isinstance(opener, type) and issubclass(opener, ImageFile.StubImageFile)
        if opener and not stub and kind not in NO_PICTURES:
            endings.setdefault(kind, []).append(ending)
    return {kind: tuple(sorted(of)) for kind, of in sorted(endings.items())}


@cache
def picture_suffixes() -> tuple[str, ...]:
    """How files are named that can be opened, as in ".jpg", the usual ones first."""
    known = sorted(ending for of in picture_formats().values() for ending in of)
    return tuple(dict.fromkeys([*(ending for ending in USUAL_SUFFIXES if ending in known), *known]))


def open_photo(content: bytes, name: str) -> Image.Image:
    """Decode a photo: upright, at most 480 pixels a side, RGB, or RGBA where parts are transparent.

    Of an animation, the first picture.

    Args:
        content: the bytes of the file, in one of `picture_formats`.
        name: what messages call the file.

    Raises:
        PhotoError: the file is too large, too small, damaged or no such picture; the message says what to do.
    """
    picture = _open(content, name)
    with _decoding(name):
        picture.draft("RGB", (WORKING_SIDE, WORKING_SIDE))  # a JPEG is decoded at an eighth of its size if that will do
        picture.load()
        turn = _orientation(picture)
        picture = _to_rgb(picture)
        return picture if turn is None else picture.transpose(turn)


def open_exported(content: bytes, name: str) -> list[np.ndarray]:
    """The images `(28, 28) uint8` of the data set that a file shows, one or a sheet of them; none for a photo.

    Raises PhotoError, as `open_photo` does.
    """
    picture = _open(content, name)
    with _decoding(name):
        return find_exported(picture)


def _open(content: bytes, name: str) -> Image.Image:
    """A picture of which only the header has been read, within the limits."""
    if len(content) > MAX_MB * 1_000_000:
        raise PhotoError(f"{name} has {len(content) / 1e6:.0f} MB: at most {MAX_MB} MB, so make it smaller first.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of readers that only try whether a file is theirs
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            picture = Image.open(io.BytesIO(content), formats=list(picture_formats()))
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            raise PhotoError(f"{name} has more than {MAX_MEGAPIXELS} megapixels: make it smaller first.") from None
        except UnidentifiedImageError:
            raise PhotoError(f"{name} is not a picture: choose another file, best a JPEG, PNG or HEIC.") from None
        except Exception as error:  # Pillow's readers raise whatever a damaged header leads them to
            raise PhotoError(f"{name} cannot be read ({error}): save it again as JPEG or PNG.") from None
    width, height = picture.size
    if min(width, height) < MIN_SIDE:
        raise PhotoError(f"{name} has {width:,} x {height:,} pixels: at least {MIN_SIDE} a side are needed.")
    slow = any(part.codec_name in Image.DECODERS for part in getattr(picture, "tile", ()))
    if slow and width * height > MAX_SLOW_MEGAPIXELS * 1_000_000:
        raise PhotoError(
            f"{name} has {width:,} x {height:,} pixels: as {picture.format} at most {MAX_SLOW_MEGAPIXELS} megapixels, "
            "so save it as JPEG or PNG."
        )
    return picture


@contextmanager
def _decoding(name: str) -> Iterator[None]:
    """Raises PhotoError for whatever a damaged file leads Pillow's readers to."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        try:
            yield
        except Exception as error:
            raise PhotoError(
                f"{name} is damaged or cut off ({error}): take the photo again, or save it again."
            ) from None


def load_photo(path: Path) -> Image.Image:
    """Read and decode a photo's file, as `read_photo` and `open_photo` do. Raises PhotoError."""
    return open_photo(read_photo(path), path.name)


def _register_heif() -> None:
    """Have Pillow read HEIC, where there is a reader for it."""
    try:
        import pi_heif
    except ImportError:  # iPhones then send JPEG, as the page does not ask for HEIC
        return
    pi_heif.register_heif_opener()


def _to_rgb(picture: Image.Image) -> Image.Image:
    """Reduced, with 8 bits a channel; RGBA only where something is transparent."""
    if picture.mode.startswith(("I", "F")):  # 16 bits and more
        skip = max(1, max(picture.size) // (2 * WORKING_SIDE))
        values = np.asarray(picture)[::skip, ::skip].astype(np.float32)
        deep = picture.mode.startswith("I;16") or values.max() > 255
        picture = Image.fromarray((values / (257 if deep else 1)).clip(0, 255).astype(np.uint8))
    transparent = "A" in picture.getbands() or "transparency" in picture.info
    wanted = "RGBA" if transparent else "RGB"
    if picture.mode not in (wanted, "L", "CMYK") or "transparency" in picture.info:  # else it is cheaper when small
        picture = picture.convert(wanted)
    picture.thumbnail((WORKING_SIDE, WORKING_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    picture = picture.convert(wanted)
    opaque = transparent and np.asarray(picture.getchannel("A")).min() > 250
    return picture.convert("RGB") if opaque else picture


def _orientation(picture: Image.Image) -> Image.Transpose | None:
    """How it has to be turned by its EXIF; EXIF that makes no sense is not followed."""
    try:
        return TURNS.get(picture.getexif().get(EXIF_ORIENTATION, 1))
    except Exception:  # a damaged block raises struct.error, SyntaxError and others
        return None
