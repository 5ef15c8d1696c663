"""Reads networks written in words, one layer between bars or on a line: "28x28x1 | conv 32 3x3 valid relu | maxpool 2".

Knows how papers describe layers; what the words leave open, as the input often is, stays None.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from fmexplore.checker.layer_kinds import PrintedLayer, Shape
from fmexplore.checker.summaries import LONGEST_LINE, Summary, Totals, plain

NUMBER = r"\d[\d,]{0,14}"
COUNT_IN_WORDS = re.compile(
    rf"(?:total|overall|in all|altogether)\D{{0,25}}({NUMBER})|({NUMBER})\s*(?:trainable\s+)?param", re.I | re.A
)
_WORDS = re.compile(
    r"^[-*\d.)\s]{0,8}(?:a\s+)?(?P<kind>conv(?:olution(?:al)?)?(?:2d)?|(?:max|avg|average)[\s-]?pool(?:ing)?(?:2d)?"
    r"|global[\s-](?:max|average|avg)[\s-]?pool(?:ing)?|batch[\s-]?norm(?:ali[sz]ation)?|flatten|dense|linear|fully[\s-]"
    r"connected|fc|dropout|relu|tanh|sigmoid|log-?softmax|softmax|rescal(?:e|ing)|input|random augmentation"
    r"|augmentation)\b",
    re.I,
)
_COUNT = re.compile(rf"({NUMBER})\s*(?:trainable\s+)?param|[=:]\s*({NUMBER})\s*$", re.A)
_VALUES = re.compile(r"\((\d{1,6})\)", re.A)
_WINDOW = re.compile(r"(?<!\d)(\d{1,3})\s?[x×]\s?(\d{1,3})(?!\d)", re.A)
_ALONE = re.compile(r"(?<![\dx×./])\d{1,5}(?![\dx×./])", re.A)
_INPUT = re.compile(
    r"^\W*(?:(?:input|image)s?\s*(?:shape|size|layer|of)?\W{0,4})?\(?(\d{1,4})\s*(?:[x×*]|,|by)\s*(\d{1,4})"
    r"(?:\s*(?:[x×*]|,|by)\s*(\d{1,4}))?\)?(?:\s*(gr[ae]y)\w*)?(?:\s*(?:input|image|pixel)s?)?\W*$",
    re.I | re.A,
)
_REPEATED = re.compile(
    r"\b(?:[x×*]\s?\d{1,3}\s?$|\d{1,3}\s?[x×*]\s?conv|twice|times|repeated)|^\s?\d{1,3}\s?[x×*](?!\s?\d)", re.I
)


def is_words(line: str) -> bool:
    """Whether a line names a layer, or an input, in words."""
    return len(line) <= LONGEST_LINE and any(_WORDS.match(part) or _stated_input(part) for part in _parts(plain(line)))


def _parts(line: str) -> list[str]:
    return [part.strip() for part in re.split(r"\||->|→|;", line) if part.strip()]


def read_words(lines: Sequence[str], places: Sequence[int]) -> Summary | None:
    """Find a network in words in the lines at `places`: layers between bars, arrows or lines.

    Returns:
        The network, or None where there are not two layers with weights or windows.
    """
    network = _Words()
    for place in places:
        line = plain(lines[place])
        if len(line) <= LONGEST_LINE:
            network.add(line, place)
    layers = network.layers
    while layers and not layers[-1].kind and layers[-1].line not in network.taken:
        layers.pop()
    if sum(layer.kind in ("conv", "dense", "pool", "flatten") for layer in layers) < 2:
        return None
    totals = Totals(network.total, lines=network.total_lines)
    chained = tuple(replace(layer, sources=(at - 1,)) for at, layer in enumerate(layers))
    taken = tuple(sorted({*network.taken, *network.total_lines}))
    return Summary("keras", "network in words", chained, totals, network.start, lines=taken)


@dataclass
class _Words:
    """A network in words on its way."""

    layers: list[PrintedLayer] = field(default_factory=list)
    taken: list[int] = field(default_factory=list)
    start: Shape | None = None
    total: int | None = None
    total_lines: tuple[int, ...] = ()

    def add(self, line: str, place: int) -> None:
        """Read what a line says of layers, of the input and of the total."""
        parts = _parts(line)
        found = [list(_layers_in_words(part, place)) for part in parts]
        if len(parts) == 1 and not found[0] and (shape := _stated_input(parts[0])):
            self.start = self.start or shape
            self.taken.append(place)
            return
        self.taken += [place] if any(found) else []
        for part, several in zip(parts, found):
            self._add_part(part, several, place, among=any(found))

    def _add_part(self, part: str, several: list[PrintedLayer], place: int, among: bool) -> None:
        if several:
            if several[0].type == "input":
                self.start = self.start or _stated_input(part)
            self.layers += several
        elif count := COUNT_IN_WORDS.search(part):
            if self.total is None:
                self.total, self.total_lines = _number(count), (place,)
        elif not self.layers and (shape := _stated_input(part)):
            self.start = shape
        elif among or (self.layers and re.search(r"[^\W\d]", part)):
            self.layers.append(PrintedLayer(part[:40], line=place))  # perhaps a layer that is not known


def _number(found: re.Match[str]) -> int:
    return whole(found[1] or found[2])


def _stated_input(part: str) -> Shape | None:
    """The shape that a part states, such as "28x28x1" or "input 28 x 28 grey"; channels None where they are not."""
    found = _INPUT.match(part[:120])
    if not found or (not found[3] and not re.search(r"input|image|pixel|gr[ae]y", part, re.I)):
        return None
    channels = int(found[3]) if found[3] else 1 if found[4] else None
    sizes = (int(found[1]), int(found[2]), channels)
    return sizes if 0 not in sizes else None


def _layers_in_words(part: str, place: int) -> Iterator[PrintedLayer]:
    """The layers that one part names: none, one, or a convolution with batch norm."""
    found = _WORDS.match(part)
    if not found or "," in part[: found.end()]:
        return
    kind = re.sub(r"[\s-]", "", found["kind"].lower())
    if _REPEATED.search(part):
        yield PrintedLayer(part[:60], line=place)
        return
    build = next((build for beginning, build in _BUILDERS.items() if kind.startswith(beginning)), _unchanged)
    for layer in build(_read_settings(part, found.end())):
        yield replace(layer, line=place, type=layer.type or kind, channels_last=True)


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
    padding: Literal["same", "valid"] | int | None
    bias: bool


def _read_settings(part: str, begin: int) -> _Settings:
    """The settings in `part[begin:]`, where the kind of the layer has ended."""
    words, count = part[begin:].lower(), _COUNT.search(part[begin:].lower())
    if count:
        words = words[: count.start()]
    values = _VALUES.search(words)
    words = _VALUES.sub(" ", words)
    stride = re.search(r"strides?\s*(?:of\s*)?[=:]?\s*(\d)", words, re.A)
    padded = re.search(r"pad(?:ding|ded)?\s*(?:of\s*)?[=:]?\s*(\d)\b", words, re.A)
    plain_words = words
    for each in (stride, padded):
        plain_words = plain_words.replace(each[0], " ") if each else plain_words
    window = _WINDOW.search(plain_words)
    padding = "same" if "same" in words else "valid" if "valid" in words else int(padded[1]) if padded else None
    return _Settings(
        name=(part[: begin + count.start()] if count else part).strip(" :=,(")[:60],
        words=words,
        parameters=whole(count[1] or count[2]) if count else None,
        values=int(values[1]) if values else None,
        numbers=tuple(int(number) for number in _ALONE.findall(_WINDOW.sub(" ", plain_words))),
        window=(int(window[1]), int(window[2])) if window else None,
        stride=int(stride[1]) or None if stride else None,
        padding=padding,
        bias=not re.search(r"(no|without) bias", words),
    )


def _convolution(settings: _Settings) -> Iterator[PrintedLayer]:
    units = settings.numbers[0] if settings.numbers else settings.values
    yield PrintedLayer(
        settings.name,
        "conv" if units != 0 and settings.window != (0, 0) else "",
        parameters=settings.parameters,
        units=units,
        kernel=settings.window if settings.window and 0 not in settings.window else None,
        stride=settings.stride or 1,
        padding=settings.padding,
        bias=settings.bias,
        rank=2,
    )
    if re.search(r"batch[\s-]?norm", settings.words):
        yield PrintedLayer(f"batch norm of {settings.name}", "batch_norm")


def _dense(settings: _Settings) -> Iterator[PrintedLayer]:
    units = settings.numbers[0] if settings.numbers else settings.values
    kind = "" if units == 0 else "dense"
    yield PrintedLayer(settings.name, kind, parameters=settings.parameters, units=units, bias=settings.bias)


def _pool(settings: _Settings) -> Iterator[PrintedLayer]:
    side = settings.numbers[0] if settings.numbers else settings.values
    window = settings.window or ((side, side) if side else None)
    if window is not None and 0 in window:
        window = None
    padding = "valid" if settings.padding is None else settings.padding
    yield PrintedLayer(
        settings.name,
        "pool" if window else "",
        kernel=window,
        stride=settings.stride or (window[0] if window else None),
        padding=padding,
        rank=2,
    )


def _flatten(settings: _Settings) -> Iterator[PrintedLayer]:
    yield PrintedLayer(settings.name, "flatten", (settings.values,) if settings.values else None)


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
