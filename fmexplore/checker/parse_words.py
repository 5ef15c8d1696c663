"""Reads networks written in words, one layer between bars or on a line: "conv 32 3x3 valid relu | maxpool 2".

Knows how papers describe layers; what the words leave open stays None, but for the customary 3x3 and 2x2 windows.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from fmexplore.checker.layer_kinds import PrintedLayer, Style

LONGEST_LINE = 2_000  # a longer one is no row of a summary
NUMBER = r"\d[\d,]{0,14}"
COUNT_IN_WORDS = re.compile(
    rf"(?:total|overall|in all|altogether)\D{{0,25}}({NUMBER})|({NUMBER})\s*(?:trainable\s+)?param", re.I
)
_WORDS = re.compile(
    r"^[-*\d.)\s]{0,8}(?:a\s+)?(?P<kind>conv(?:olution(?:al)?)?(?:2d)?|(?:max|avg|average)[\s-]?pool(?:ing)?(?:2d)?"
    r"|global[\s-](?:max|average|avg)[\s-]?pool(?:ing)?|batch[\s-]?norm(?:ali[sz]ation)?|flatten|dense|linear|fully[\s-]"
    r"connected|fc|dropout|relu|tanh|sigmoid|log-?softmax|softmax|rescal(?:e|ing)|input|random augmentation"
    r"|augmentation)\b",
    re.I,
)
_COUNT = re.compile(rf"({NUMBER})\s*(?:trainable\s+)?param|[=:]\s*({NUMBER})\s*$")
_VALUES = re.compile(r"\((\d{1,6})\)")
_WINDOW = re.compile(r"(\d{1,2})\s*[x×]\s*(\d{1,2})")
_ALONE = re.compile(r"(?<![\dx×./])\d{1,5}(?![\dx×./])")


def read_words(text: str) -> tuple[list[PrintedLayer], list[str], Style]:
    """Find a network in words: layers separated by |, by arrows or by lines, at least two with weights or windows.

    Returns:
        The layers, none where there is no network; the rest of the text as lines; and the library whose defaults apply.
    """
    layers: list[PrintedLayer] = []
    rest: list[str] = []
    for line in text.splitlines():
        parts = [part.strip() for part in re.split(r"\||->|→|;", line[:LONGEST_LINE])]
        found = [list(_layers_in_words(part)) for part in parts if part]
        if not any(found):
            rest.append(line)
            continue
        for part, several in zip((part for part in parts if part), found):
            if several:
                layers += several
            elif COUNT_IN_WORDS.search(part):
                rest.append(part)
            else:
                layers.append(PrintedLayer(part[:40]))
    enough = sum(layer.kind in ("conv", "dense", "pool", "flatten") for layer in layers) > 1
    return (layers, rest, "keras") if enough else ([], rest, "keras")


def _layers_in_words(part: str) -> Iterator[PrintedLayer]:
    """The layers that one part names: none, one, or a convolution with batch norm."""
    found = _WORDS.match(part)
    if not found or "," in part[: found.end()]:
        return
    kind = re.sub(r"[\s-]", "", found["kind"].lower())
    build = next((build for beginning, build in _BUILDERS.items() if kind.startswith(beginning)), _unchanged)
    yield from build(_read_settings(part, found.end()))


@dataclass(frozen=True)
class _Settings:
    """What a part says after the kind of its layer; None and empty for what it leaves open."""

    name: str
    words: str
    parameters: int | None
    values: int | None  # in brackets
    numbers: tuple[int, ...]  # neither of a window nor in brackets
    window: tuple[int, int] | None
    stride: int | None
    padding: Literal["same", "valid"] | None
    bias: bool


def _read_settings(part: str, begin: int) -> _Settings:
    """The settings in `part[begin:]`, where the kind of the layer has ended."""
    words, count = part[begin:].lower(), _COUNT.search(part[begin:].lower())
    if count:
        words = words[: count.start()]
    values = _VALUES.search(words)
    words = _VALUES.sub(" ", words)
    window, stride = _WINDOW.search(words), re.search(r"stride[s]?\s*(\d)", words)
    return _Settings(
        name=(part[: begin + count.start()] if count else part).strip(" :=,(")[:60],
        words=words,
        parameters=whole(count[1] or count[2]) if count else None,
        values=int(values[1]) if values else None,
        numbers=tuple(int(number) for number in _ALONE.findall(re.sub(r"\d+\s*[x×]\s*\d+", "", words))),
        window=(int(window[1]), int(window[2])) if window else None,
        stride=int(stride[1]) or None if stride else None,
        padding="same" if "same" in words else "valid" if "valid" in words else None,
        bias=not re.search(r"(no|without) bias", words),
    )


def _convolution(settings: _Settings) -> Iterator[PrintedLayer]:
    yield PrintedLayer(
        settings.name,
        "conv",
        parameters=settings.parameters,
        units=settings.numbers[0] if settings.numbers else 1,
        kernel=settings.window or (3, 3),
        stride=settings.stride or 1,
        padding=settings.padding,
        bias=settings.bias,
    )
    if re.search(r"batch[\s-]?norm", settings.words):
        yield PrintedLayer(f"batch norm of {settings.name}", "batch_norm")


def _dense(settings: _Settings) -> Iterator[PrintedLayer]:
    units = settings.numbers[0] if settings.numbers else 1
    yield PrintedLayer(settings.name, "dense", parameters=settings.parameters, units=units, bias=settings.bias)


def _pool(settings: _Settings) -> Iterator[PrintedLayer]:
    side = settings.numbers[0] if settings.numbers and settings.numbers[0] else 2
    window = settings.window or (side, side)
    padding = settings.padding or "valid"
    yield PrintedLayer(settings.name, "pool", kernel=window, stride=settings.stride or window[0], padding=padding)


def _flatten(settings: _Settings) -> Iterator[PrintedLayer]:
    yield PrintedLayer(settings.name, "flatten", None if settings.values is None else (settings.values,))


def _global_pool(settings: _Settings) -> Iterator[PrintedLayer]:
    yield PrintedLayer(settings.name, "global_pool")


def _batch_norm(settings: _Settings) -> Iterator[PrintedLayer]:
    yield PrintedLayer(settings.name, "batch_norm", parameters=settings.parameters)


def _unchanged(settings: _Settings) -> Iterator[PrintedLayer]:
    yield PrintedLayer(settings.name, "same")


_BUILDERS = {  # by what the kind begins with; every other kind keeps shape and parameters
    "conv": _convolution,
    "dense": _dense,
    "linear": _dense,
    "fullyconnected": _dense,
    "fc": _dense,
    "max": _pool,
    "avg": _pool,
    "average": _pool,
    "flatten": _flatten,
    "global": _global_pool,
    "batch": _batch_norm,
}


def whole(number: str) -> int:
    """A printed whole number, with or without commas."""
    return int(number.replace(",", ""))
