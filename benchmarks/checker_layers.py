"""What the claim checker finds in summaries of networks: true ones as the libraries print them, and planted errors.

Prints two tables for docs/checker.md: the true summaries, none of which may be called a contradiction, with the share
of their layers that were recomputed; and the single errors by kind, caught, undetectable or missed.

    python -m benchmarks.checker_layers          # about an hour; with --quick a sample, in about a minute
"""

import argparse
import collections
import gzip
import itertools
import json
import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import torch
import torchinfo

from benchmarks.summary_networks import SETTINGS, draw, print_torchinfo, print_torchsummary, zoo
from fmexplore.checker.layer_kinds import PrintedLayer
from fmexplore.checker.layer_readings import read_layer
from fmexplore.checker.parse_summaries import find_summaries
from fmexplore.checker.recompute_layers import recompute
from fmexplore.checker.summaries import Summary
from fmexplore.checker.text import check_text

KERAS = Path("tests/checker/keras_summaries.json.gz")
LIGHTNING = Path("tests/checker/lightning_summaries.json.gz")
DRAWN = 60
_PARTS = re.compile(r"\d[\d,]*")


@dataclass(frozen=True)
class Printed:
    """A true summary."""

    form: str
    network: str
    text: str


def drawn_summaries(count: int, settings: int) -> Iterator[Printed]:
    """Networks drawn at random, as PyTorch's libraries print them."""
    for seed in range(count):
        model, size, kind = draw(seed)
        model.eval()
        for options in SETTINGS[:settings]:
            yield Printed("torchinfo", f"drawn {seed}", print_torchinfo(model, size, kind, options))
        yield Printed("torchinfo without an input size", f"drawn {seed}", print_torchinfo(model, None, kind, {}))
        yield Printed("print(model)", f"drawn {seed}", str(model))
        if kind == torch.float32 and "LSTM" not in str(model):
            yield Printed("torchsummary", f"drawn {seed}", print_torchsummary(model, size))


def zoo_summaries(names: list[str] | None, settings: int) -> Iterator[Printed]:
    """The networks of torchvision; the rows of each are computed once for all ways to print them."""
    for name, model, size in zoo(names):
        torchinfo.torchinfo.clear_cached_forward_pass()
        for options in SETTINGS[:settings]:
            cached = {**options, "cache_forward_pass": True}
            yield Printed("torchinfo, torchvision", name, print_torchinfo(model, size, torch.float32, cached))
        yield Printed("print(model), torchvision", name, str(model))


def keras_summaries() -> Iterator[Printed]:
    """The stored set of what Keras printed."""
    for each in json.loads(gzip.decompress(KERAS.read_bytes()))["texts"]:
        form = "Keras" if isinstance(each["network"], int) else "Keras applications"
        yield Printed(form, str(each["network"]), each["text"])


def lightning_summaries() -> Iterator[Printed]:
    """The stored set of what Lightning and fastai printed."""
    for each in json.loads(gzip.decompress(LIGHTNING.read_bytes()))["texts"]:
        shapes = ", with an example" if each["way"].get("example") else ""
        yield Printed(f"{each['by']}{shapes}", str(each["network"]), each["text"])


def recomputed(text: str) -> tuple[int, int]:
    """How many layers of a text were recomputed, and how many there are; containers are none."""
    rows = [row for summary in find_summaries(text.splitlines()) for row in recompute(summary)]
    layers = [row for row in rows if row.layer.kind != "container" and (row.layer.kind or row.layer.parameters)]
    return sum(row.agrees for row in layers), len(layers)


# Planted errors: each changes one printed number of a text, and says why it could not be found where it cannot.


@dataclass(frozen=True)
class Planted:
    """A text with one wrong number."""

    kind: str
    text: str
    open_to: str = ""  # why a text with that number can be true


def _other_digits(number: str, rng: random.Random) -> str:
    digits = [at for at, each in enumerate(number) if each.isdigit()]
    pairs = [(a, b) for a, b in itertools.pairwise(digits) if number[a] != number[b] and (a or number[b] != "0")]
    if not pairs:
        return number
    a, b = rng.choice(pairs)
    return number[:a] + number[b] + number[a + 1 : b] + number[a] + number[b + 1 :]


def _other_size(number: str, rng: random.Random) -> str:
    return str(max(int(number) + rng.choice((-2, -1, 1, 2, 3)), 1))


def plant(printed: Printed, rng: random.Random) -> Iterator[Planted]:
    """A wrong count, a count with swapped digits, a wrong total and a wrong size, where the text has such."""
    lines = printed.text.splitlines()
    rows = {layer.line: layer for summary in find_summaries(lines) for layer in summary.layers}
    leaves = [layer for layer in rows.values() if layer.kind != "container"]
    counted = [layer for layer in leaves if layer.parameters]
    shaped = [layer for layer in leaves if layer.output]
    count = lambda layer: re.escape(f"{layer.parameters:,}")  # noqa: E731
    if counted:
        layer = rng.choice(counted)
        yield from _planted("count", lines, layer.line, count(layer), lambda old: _more(old, rng))
        layer = rng.choice(counted)
        yield from _planted("swapped digits", lines, layer.line, count(layer), lambda old: _other_digits(old, rng))
    totals = [at for at, line in enumerate(lines) if re.search(r"\bTotal params: [1-9]", line)]
    if totals:
        yield from _planted("total", lines, totals[0], r"(?<=Total params: )\d[\d,]*", lambda old: _more(old, rng))
    if shaped:
        layer = rng.choice(shaped)
        yield from _plant_size(lines, layer, rng)


def _more(number: str, rng: random.Random) -> str:
    return f"{max(int(number.replace(',', '')) + rng.choice((-10, -1, 1, 7, 64, 100)), 1):,}"


def _plant_size(lines: list[str], layer, rng: random.Random) -> Iterator[Planted]:
    line = lines[layer.line]
    shapes = list(re.finditer(r"[\[(](?:None|-?\d+)(?:, \d+)+[\])]", line))
    wanted = [found for found in shapes if tuple(map(int, re.findall(r"(?<=, )\d+", found[0]))) == layer.output]
    if not wanted:
        return
    shape = wanted[-1]
    place = rng.choice(list(re.finditer(r"(?<=, )\d+", shape[0])))
    changed = _other_size(place[0], rng)
    if changed == place[0]:
        return
    at = shape.start() + place.start()
    text = "\n".join([*lines[: layer.line], line[:at] + changed + line[at + len(place[0]) :], *lines[layer.line + 1 :]])
    shape = tuple(
        map(int, re.findall(r"(?<=, )\d+", line[shape.start() : at] + changed + line[at + len(place[0]) : shape.end()]))
    )
    why = _why_open(find_summaries(lines)[0], layer, shape)
    yield Planted("size", text, why)


def _why_open(summary: Summary, layer: PrintedLayer, shape: tuple[int, ...]) -> str:
    """Why the layer could have that shape; empty where nothing explains it."""
    if not layer.kind:
        return "the layer is of a kind that is not known"
    rows = summary.layers
    place = rows.index(layer)
    before = [rows[source].output for source in layer.sources or () if source >= 0]
    if layer.sources is None and layer.after is not None:
        before = [rows[layer.after].output]
    readers = [row for row in rows if place in (row.sources or ()) or (row.sources is None and row.after == place)]
    follows = lambda row, given: next(read_layer(replace(row, input=None), given, summary.style), None) is not None  # noqa: E731
    own = bool(before) and follows(replace(layer, output=shape), before)
    others = [follows(row, [shape]) or row.kind == "dense" for row in readers]  # one can be pooled to fit
    apart = not (before and follows(layer, before)) and not any(follows(row, [layer.output]) for row in readers)
    if layer.sources is None and apart:
        return "operations that are not printed stand before and behind the row in the true text as well"
    if layer.sources is not None:
        return "" if (before and not own) or not all(others) else "other settings make it true"
    return "an operation that is not printed makes it true" if not before or not others or own or any(others) else ""


def _planted(kind: str, lines: list[str], at: int, number: str, change: Callable[[str], str]) -> Iterator[Planted]:
    name = re.match(r"[\s│|├└─+]*[^\s:]+(?:: \d+-\d+)?", lines[at])  # mult-adds, which may be as many, stand behind
    old = re.compile(rf"(?<![\d,]){number}(?![\d,])").search(lines[at], name.end() if name else 0)
    if not old:
        return
    new = change(old[0])
    if new == old[0]:
        return
    line = lines[at][: old.start()] + new + lines[at][old.end() :]
    yield Planted(kind, "\n".join([*lines[:at], line, *lines[at + 1 :]]))


def contradicts(text: str) -> bool:
    """Whether the checker calls it a contradiction."""
    return check_text(text).verdict == "contradiction"


def main() -> None:
    """Print the tables."""
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--quick", action="store_true")
    arguments.add_argument("--torchvision", nargs="*", help="names of its networks; all, if left out")
    given = arguments.parse_args()
    quick = given.quick
    torch.set_num_threads(1)
    texts = [*drawn_summaries(12 if quick else DRAWN, 3 if quick else len(SETTINGS)), *keras_summaries()]
    texts += lightning_summaries()
    texts += zoo_summaries(["alexnet", "resnet18"] if quick else given.torchvision, 1 if quick else len(SETTINGS))
    report(texts)


def report(texts: list[Printed]) -> None:
    """Print the tables."""
    shown = collections.defaultdict(lambda: [0, 0, 0, 0])
    for printed in texts:
        right, layers = recomputed(printed.text)
        sums = shown[printed.form]
        for at, more in enumerate((1, contradicts(printed.text), right, layers)):
            sums[at] += more
    print("| printed by | true texts | called a contradiction | layers recomputed |\n|---|---|---|---|")
    for form, (count, false, right, layers) in shown.items():
        print(f"| {form} | {count:,} | {false} | {right:,} of {layers:,} ({100 * right / max(layers, 1):.1f} %) |")
    rng = random.Random(0)
    errors = collections.defaultdict(lambda: [0, 0, 0])
    for printed in texts:
        if printed.form not in ("torchinfo", "torchsummary", "Keras"):
            continue
        for planted in plant(printed, rng):
            caught = contradicts(planted.text)
            errors[printed.form, planted.kind][0 if caught else 1 if planted.open_to else 2] += 1
    print("\n| printed by | one wrong | caught | undetectable | missed |\n|---|---|---|---|---|")
    for (form, kind), (caught, open_ones, missed) in sorted(errors.items()):
        print(f"| {form} | {kind} | {caught} | {open_ones} | {missed} |")


if __name__ == "__main__":
    main()
