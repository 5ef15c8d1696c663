"""Finds the one row whose shape fits neither the row before it nor the row after it, though one other number would.

For tables that do not say what a layer gets. Operations that are not printed can stand between two rows, so a row that
does not fit one of its neighbours proves nothing. A row that fits neither, where its neighbours fit each other as soon
as a single one of its sizes is another, would need two such operations that undo each other.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from fmexplore.checker.layer_kinds import PrintedLayer, Shape, known, product, shape_text
from fmexplore.checker.layer_readings import read_layer
from fmexplore.checker.summaries import Summary

MOST_JUDGED = 4_000  # rows
MOST_TRIED = 200  # other shapes, in all rows of a summary
_KEEP = {"same", "batch_norm", "instance_norm", "group_norm", "prelu"}  # what comes out is as large as what goes in


@dataclass(frozen=True)
class LoneRow:
    """A row that cannot be true, with the shape that would be."""

    row: int
    problem: str
    proof: str
    lines: tuple[int, ...]


def find_lone_rows(summary: Summary, skipped: set[int]) -> list[LoneRow]:
    """The rows, none of `skipped`, that fit neither neighbour but would with one other size."""
    search = _Search(summary)
    found: list[LoneRow] = []
    for place in search.chain[:MOST_JUDGED]:
        near = {place, search.before.get(place, place), search.behind.get(place, place)}
        if near & skipped or any(each.row in near for each in found):
            continue
        if lone := search.judge(place):
            found.append(lone)
    return found


class _Search:
    """The rows of a summary in the order in which they are printed, without those of unknown kinds."""

    def __init__(self, summary: Summary) -> None:
        self.layers, self.style = _with_parameters(summary), summary.style
        self.chain: list[int] = []
        self.before: dict[int, int] = {}
        self.behind: dict[int, int] = {}
        self.between: dict[int, list[int]] = {}  # rows of unknown kinds after a row
        self.tried = 0
        last: dict[int | None, int] = {}
        for place, layer in enumerate(self.layers):
            if layer.sources is not None and layer.after is None and place:
                continue
            if layer.kind in ("", "container", "input"):
                if layer.after is not None and layer.after in self.between and not layer.holds:
                    self.between[layer.after].append(place)
                    self.between[place] = self.between[layer.after]
                    last[place] = last.get(layer.after, layer.after)
                continue
            self.chain.append(place)
            self.between[place] = []
            if layer.after is not None:
                before = last.get(layer.after, layer.after)
                if self.layers[before].kind not in ("", "container", "input"):
                    self.before[place] = before
                    self.behind.setdefault(before, place)
        self.maps = [layer.output for layer in self.layers if layer.output and len(layer.output) > 2]
        self.uneven = sum(len(set(shape[1:])) > 1 for shape in self.maps)

    def judge(self, place: int) -> LoneRow | None:
        """Whether that row fits neither neighbour, and what would."""
        layer = self.layers[place]
        shape = layer.output
        if shape is None or not known(shape):
            return None
        before = self.layers[self.before[place]] if place in self.before else None
        behind = self.layers[self.behind[place]] if place in self.behind else None
        given = before.output if before else None
        made = behind.output if behind else None
        gets = given is not None and known(given)
        gives = behind is not None and known(made)
        follows = gets and self._fits(given, layer, shape)
        followed = gives and self._fits(shape, behind, made)
        if (follows or not gets) and (followed or not gives):
            return None
        near = (before if gets else None, behind if gives else None)
        if found := self._repaired(place, *near, alone=follows or followed or None in near):
            return found
        if not follows and not followed and (odd := self._odd_one(place, before, behind)):
            return odd
        if None in near or follows or followed:
            return None
        # What is not printed stands on one side, whatever the size; the other side may still tell.
        return self._repaired(place, before, None, alone=True) or self._repaired(place, None, behind, alone=True)

    def _odd_one(self, place: int, before: PrintedLayer | None, behind: PrintedLayer | None) -> LoneRow | None:
        """Whether the row is the only map whose sides differ, between maps that all have the larger or smaller one."""
        layer = self.layers[place]
        shape = layer.output or ()
        near = [each.output or () for each in (before, behind) if each]
        sides = near[-1][1:] if near else ()
        if len(shape) < 3 or self.uneven != 1 or len(self.maps) < 4 or len(set(sides)) != 1:
            return None
        apart = [(one, other) for one, other in zip(shape[1:], sides) if one != other]
        if any(each[1:] != sides for each in near) or len(apart) != 1 or not _is_near(*apart[0]):
            return None
        if before and self._fits(before.output, layer, shape, even=False):
            return None
        if behind is None or self._fits(shape, behind, behind.output, even=False):
            return None
        return self._found(place, before, behind, (shape[0], *sides), alone=True)

    def _repaired(
        self, place: int, before: PrintedLayer | None, behind: PrintedLayer | None, alone: bool
    ) -> LoneRow | None:
        """What would fit the neighbours given; `alone` where the row fits one of them, or has but one."""
        layer = self.layers[place]
        given = before.output if before else None
        for other in self._others(given, layer, behind):
            self.tried += 1
            if self.tried > MOST_TRIED:
                return None
            if before and not self._fits(given, layer, other):
                continue
            if behind and not self._fits(other, behind, behind.output):
                continue
            if any(not _same(self.layers[each].output, other) for each in self.between[place]):
                continue
            if alone and not (self._stands_out(layer, before, behind, other) or self._is_last(place, given, other)):
                continue
            return self._found(place, before, behind, other, alone)
        return None

    def _fits(self, given: Shape | None, layer: PrintedLayer | None, made: Shape | None, even: bool = True) -> bool:
        if layer is None or _is_pooled_into(given, layer, made):
            return True
        reading = next(read_layer(replace(layer, output=made, input=None), [given], self.style, even=even), None)
        return reading is not None

    def _others(self, given: Shape | None, layer: PrintedLayer, behind: PrintedLayer | None) -> Iterator[Shape]:
        """Shapes that differ from the printed one in a single size."""
        shape = layer.output or ()
        near: list[Sequence[int | None]] = [shape]
        if given:
            near.append(given)
            near += [
                each.output
                for each in read_layer(replace(layer, output=None, input=None), [given], self.style, even=True)
                if each.output
            ]
        if layer.kind == "dense" and given and layer.parameters:
            near += [(layer.parameters // ((given[-1] or 0) + 1),)]
        if behind and behind.output:
            near.append(behind.output)
            if behind.kind == "dense" and behind.parameters:
                units = behind.output[-1] or 1
                near += [(behind.parameters // units - bias,) for bias in (1, 0) if behind.parameters % units == 0]
        for axis in range(len(shape)):
            sizes = [size for each in near for size in each]
            for size in dict.fromkeys(sizes):
                if size and size != shape[axis]:
                    yield (*shape[:axis], size, *shape[axis + 1 :])

    def _stands_out(
        self, layer: PrintedLayer, before: PrintedLayer | None, behind: PrintedLayer | None, other: Shape
    ) -> bool:
        """Whether the row is the only map whose sides differ, and other numbers would give it equal ones."""
        shape = layer.output or ()
        if len(shape) < 3 or shape[0] != other[0] or len(set(other[1:])) > 1:
            return False
        if before is None or behind is None:
            near = behind or before
            if near is None or other not in (near.output, near.input):
                return False
            if near.input != other and near.kind not in _KEEP and layer.kind not in _KEEP:
                return False
        return self.uneven == 1 and len(self.maps) > 2

    def _is_last(self, place: int, given: Shape | None, other: Shape) -> bool:
        """Whether the row is the last, a dense layer whose weights and biases are those of other units."""
        layer = self.layers[place]
        if place in self.behind or layer.kind != "dense" or not given or not layer.parameters or not given[-1]:
            return False
        return layer.parameters == (given[-1] + 1) * (other[-1] or 0)

    def _found(
        self, place: int, before: PrintedLayer | None, behind: PrintedLayer | None, other: Shape, alone: bool
    ) -> LoneRow:
        layer = self.layers[place]
        near = [each for each in (before, behind) if each]
        names = " and ".join(f"{each.name} ({shape_text(each.output)})" for each in near)
        would = f"{shape_text(other)} would"
        text = f"{layer.name} is printed with {shape_text(layer.output)}, which does not fit {names}: {would}."
        if alone:
            proof = f"With {shape_text(other)} every row around it follows from the one before it, as all others do."
        else:
            proof = (
                f"With {shape_text(layer.output)}, two operations that are not printed would have to change one size "
                "on the way in and undo it on the way out."
            )
        return LoneRow(place, text, proof, (layer.line, *(each.line for each in near)))


def _with_parameters(summary: Summary) -> list[PrintedLayer]:
    """The rows; those of modules that are used again with the parameters of the rows above, where these agree."""
    layers: list[PrintedLayer] = []
    for layer in summary.layers:
        if not layer.counted and layer.parameters is None and layer.output:
            alike = [each for each in layers if each.type == layer.type and each.output and each.counted]
            counts = {each.parameters for each in alike if (each.output or ())[0] == layer.output[0]}
            layer = replace(layer, parameters=counts.pop()) if len(counts) == 1 else layer
        layers.append(layer)
    return layers


def _is_near(one: int | None, other: int | None) -> bool:
    return one is not None and other is not None and min(one, other) > 3 and abs(one - other) <= 3


def _is_pooled_into(given: Shape | None, layer: PrintedLayer, made: Shape | None) -> bool:
    """Whether a dense layer can get a map that was pooled, flattened or cut to one place, as functions do unseen."""
    if layer.kind != "dense" or not layer.parameters or not given or not made or len(made) >= len(given):
        return False
    units, size = made[-1], product(given)
    if not units or not size or layer.parameters % units:
        return False
    for width in (layer.parameters // units - 1, layer.parameters // units):
        if width == given[-1] or (given[0] and width % given[0] == 0 and 0 < width <= size):
            return True
    return False


def _same(one: Shape | None, other: Shape) -> bool:
    return one is None or one == other
