"""Pictures as files, and where their colours lie."""

import io

from PIL import Image

RED, BLUE = (250, 0, 0), (0, 0, 250)


def pack(picture: Image.Image, kind: str, **settings) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **settings)
    return file.getvalue()


def two_halves() -> Image.Image:
    """80 x 40: red on the left, blue on the right."""
    picture = Image.new("RGB", (80, 40), RED)
    picture.paste(BLUE, (40, 0, 80, 40))
    return picture


def colour_at(picture: Image.Image, x: float, y: float) -> str:
    red, _, blue = picture.convert("RGB").getpixel((int(x * picture.width), int(y * picture.height)))
    return "red" if red > blue else "blue"
