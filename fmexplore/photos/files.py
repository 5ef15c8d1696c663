"""Opens the photos that people choose, and explains what is wrong with those that cannot be used. Knows Pillow only."""

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from fmexplore.errors import PhotoError

WORKING_SIDE = 480  # pixels of the longer side, to which photos are reduced
MAX_MB, MAX_MEGAPIXELS, MIN_SIDE = 20, 50, 28
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif")
FORMATS = ("JPEG", "PNG", "WEBP", "HEIF", "MPO")  # Pillow's reader of JPEG reads MPO too
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


def open_photo(content: bytes, name: str) -> Image.Image:
    """Decode a photo: upright, at most 480 pixels a side, RGB, or RGBA where parts are transparent.

    Args:
        content: the bytes of the file: JPEG, PNG, WebP or HEIC.
        name: what messages call the file.

    Raises:
        PhotoError: the file is too large, too small, damaged or no such picture; the message says what to do.
    """
    if len(content) > MAX_MB * 1_000_000:
        raise PhotoError(f"{name} has {len(content) / 1e6:.0f} MB: at most {MAX_MB} MB, so make it smaller first.")
    readers = [*FORMATS[:3], *_register_heif(), "GIF", "BMP", "TIFF"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # MAX_MEGAPIXELS is stricter
        try:
            picture = Image.open(io.BytesIO(content), formats=readers)
        except Image.DecompressionBombError:
            raise PhotoError(
                f"{name} claims to have more than {MAX_MEGAPIXELS} megapixels: make it smaller first."
            ) from None
        except UnidentifiedImageError:
            raise PhotoError(f"{name} is not a picture: choose a JPEG, PNG, WebP or HEIC file.") from None
        except Exception as error:  # Pillow's readers raise whatever a damaged header leads them to
            raise PhotoError(f"{name} cannot be read ({error}): save it again as JPEG or PNG.") from None
    width, height = picture.size
    if picture.format not in FORMATS:
        raise PhotoError(f"{name} is a {picture.format} file: save it as JPEG, PNG, WebP or HEIC.")
    if width * height > MAX_MEGAPIXELS * 1_000_000:
        raise PhotoError(
            f"{name} has {width:,} x {height:,} pixels: at most {MAX_MEGAPIXELS} megapixels, so make it smaller first."
        )
    if min(width, height) < MIN_SIDE:
        raise PhotoError(f"{name} has {width:,} x {height:,} pixels: at least {MIN_SIDE} a side are needed.")
    try:
        picture.draft("RGB", (WORKING_SIDE, WORKING_SIDE))  # a JPEG is decoded at an eighth of its size if that will do
        picture.load()
        turn = _orientation(picture)
        picture = _to_rgb(picture)
    except Exception as error:
        raise PhotoError(f"{name} is damaged or cut off ({error}): take the photo again, or save it again.") from None
    return picture if turn is None else picture.transpose(turn)


def load_photo(path: Path) -> Image.Image:
    """Read and decode a photo's file, as `read_photo` and `open_photo` do. Raises PhotoError."""
    return open_photo(read_photo(path), path.name)


def _register_heif() -> list[str]:
    """Have Pillow read HEIC, where there is a reader for it; the names of its formats."""
    try:
        import pi_heif
    except ImportError:  # iPhones then send JPEG, as the page does not ask for HEIC
        return []
    pi_heif.register_heif_opener()
    return ["HEIF"]


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
