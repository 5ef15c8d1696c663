"""Reads networks written in words, one layer between bars or on a line: "conv 32 3x3 valid relu | maxpool 2".

Knows how papers describe layers; what the words leave open stays None, but for the customary 3x3 and 2x2 windows.
"""

import re
from collections.abc import Iterator

from fmexplore.checker.layer_readings import PrintedLayer, Style

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


def read_words(text: str) -> tuple[list[PrintedLayer], list[str], Style]:
    """A network in words: layers between |, arrows or on lines of their own; at least two with weights or windows."""
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
    said = _WORDS.match(part)
    if not said or "," in part[: said.end()]:
        return
    kind, more = re.sub(r"[\s-]", "", said["kind"].lower()), part[said.end() :].lower()
    count = re.search(rf"({NUMBER})\s*(?:trainable\s+)?param|[=:]\s*({NUMBER})\s*$", more)
    parameters = whole(count[1] or count[2]) if count else None
    if count:
        more = more[: count.start()]
    shape = re.search(r"\((\d{1,6})\)", more)
    more = re.sub(r"\((\d{1,6})\)", " ", more)
    window = re.search(r"(\d{1,2})\s*[x×]\s*(\d{1,2})", more)
    kernel = (int(window[1]), int(window[2])) if window else None
    numbers = [
        int(each) for each in re.findall(r"(?<![\dx×./])\d{1,5}(?![\dx×./])", re.sub(r"\d+\s*[x×]\s*\d+", "", more))
    ]
    stride = re.search(r"stride[s]?\s*(\d)", more)
    padding = "same" if "same" in more else "valid" if "valid" in more else None
    bias = not re.search(r"(no|without) bias", more)
    name = (part[: said.end() + count.start()] if count else part).strip(" :=,(")[:60]
    if kind.startswith("conv"):
        units = numbers[0] if numbers else 1
        step = int(stride[1]) if stride and int(stride[1]) else 1
        yield PrintedLayer(name, "conv", None, parameters, None, None, units, kernel or (3, 3), step, padding, bias)
        if re.search(r"batch[\s-]?norm", more):
            yield PrintedLayer(f"batch norm of {name}", "batch_norm")
    elif kind in ("dense", "linear", "fullyconnected", "fc"):
        yield PrintedLayer(name, "dense", None, parameters, None, None, numbers[0] if numbers else 1, bias=bias)
    elif kind.startswith(("max", "avg", "average")):
        side = kernel or ((numbers[0], numbers[0]) if numbers and numbers[0] else (2, 2))
        step = int(stride[1]) if stride and int(stride[1]) else side[0]
        yield PrintedLayer(
            name, "pool", None, None, None, None, None, side, step, "same" if "same" in more else "valid"
        )
    elif kind == "flatten":
        yield PrintedLayer(name, "flatten", (int(shape[1]),) if shape else None)
    elif kind.startswith("global"):
        yield PrintedLayer(name, "global_pool")
    elif kind.startswith("batch"):
        yield PrintedLayer(name, "batch_norm", None, parameters)
    else:
        yield PrintedLayer(name, "same")


def whole(number: str) -> int:
    """A printed whole number, with or without commas."""
    return int(number.replace(",", ""))
