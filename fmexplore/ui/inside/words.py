"""What the way of an image says in words: names of values, and how a sum comes about."""

from collections.abc import Iterable

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.inside.fields import Box
from fmexplore.inside.graph import IMAGE, SCALED, SOFTMAX, Graph, Step
from fmexplore.inside.sums import Sum
from fmexplore.models.table import IMAGE_SHAPE
from fmexplore.ui import formatting
from fmexplore.ui.formatting import num


def figure(value: float, digits: int = 5) -> str:
    """A value with as many digits as tell it apart; a proper minus sign."""
    return figures([value], digits)[0]


def brief(value: float) -> str:
    """A value that is a mean or a measure, with three digits."""
    return figure(value, 3)


def figures(values: Iterable[float], digits: int = 5) -> list[str]:
    """Several values at once, as the preferred decimal sign is looked up only once."""
    texts = (format(value + 0.0, f".{digits}g") for value in values)
    return f"{num(' '.join('−' + text[1:] if text[0] == '-' else text for text in texts))}".split(" ")


def name_layer(name: str) -> str:
    """As in "layer 7.2", but "the image"."""
    return {IMAGE: "the image", SCALED: "the scaled image", SOFTMAX: "the softmax"}.get(name, f"layer {name}")


def name_value(graph: Graph, name: str, channel: int) -> str:
    """A channel of a step, or the class that the value of a vector stands for."""
    if name in (graph.logits, SOFTMAX):
        return CLASS_NAMES[channel]
    return f"channel {channel}" if graph[name].has_maps else f"value {channel}"


def channel_steps(graph: Graph) -> list[str]:
    """The names of the steps that have channels to be looked at: what the network computes, up to the logits."""
    return [name for name in graph.steps if name not in (IMAGE, SCALED, SOFTMAX)]


def name_channel(graph: Graph, name: str, channel: int) -> str:
    """A channel with its layer, as in "channel 5 of layer 3"; of the logits, that of its class."""
    value = name_value(graph, name, channel)
    return f"the logit of {value}" if name == graph.logits else f"{value} of {name_layer(name)}"


def name_place(graph: Graph, place: tuple[str, int, int, int]) -> str:
    """Where a value is, as in "layer 3, channel 5, row 2, column 7"."""
    name, channel, y, x = place
    parts = [name_layer(name)]
    if name not in (IMAGE, SCALED):
        parts.append(name_value(graph, name, channel))
    if graph[name].has_maps:
        parts.append(f"row {y}, column {x}")
    return ", ".join(parts)


# How a value comes about, by the kind of its step.
SAID = {
    "conv": "the patch times the kernel, {count} products, gives {products}{total}",
    "dense": "the inputs times the weights, {count} products, gives {products}{total}",
    "batch_norm": "({first} − mean {mean}) / √(variance {variance} + {epsilon}) × {gamma} + {beta} = {total}",
    "scaled": "({first} − mean {mean}) / deviation {deviation} = {total}",
    "activation": "{function}({first}) = {total}",
    "max_pool": "of {count} values the largest wins, {total}",
    "global_max_pool": "of {count} values the largest wins, {total}",
    "avg_pool": "the mean of {count} values is {total}",
    "global_avg_pool": "the mean of {count} values is {total}",
    "residual": "{first} + {second} = {total}",
    "softmax": "exp({logit} − {largest}) = {power}, divided by the sum for all classes, {sum}, is {percent}",
    "logit_scale": "{first} × {factor} = {total}",
    "image": "the pixel is {pixel} of 255, which is {total}",
}


def say_step(step: Step) -> str:
    """What a step is, in a few words."""
    return {IMAGE: "pixels", SCALED: "pixels", SOFTMAX: "probabilities"}.get(step.kind, step.text.replace("_", " "))


def say_field(box: Box) -> str:
    """Which pixels of the image a value depends on."""
    top, left, bottom, right = box
    if bottom <= top or right <= left:
        return "Its receptive field is empty: it sees only padding."
    if (bottom - top, right - left) == IMAGE_SHAPE[1:]:
        return "Its receptive field is the whole image."
    return f"Its receptive field, outlined: rows {top} to {bottom - 1}, columns {left} to {right - 1}."


def explain(found: Sum, function: str) -> str:
    """How a value comes about, with the numbers; `function` is that of an activation."""
    constants = {name: figure(value) for name, value in found.constants.items()}
    channel = found.place[0] if found.kind == "softmax" else 0
    values = {
        "function": function,
        "count": f"{num(len(found.terms)):,}",
        "first": figure(found.inputs[0]),
        "second": figure(found.inputs[-1]),
        "products": f"{figure(found.terms.sum())} + bias {constants['bias']} = " if "bias" in constants else "",
        "total": figure(found.total),
        "logit": figure(found.inputs[channel]),
        "power": figure(found.terms[channel]),
        "percent": formatting.percent(found.total, 2),
        **constants,
    }
    return SAID.get(found.kind, "the value {total} is handed on as it is").format(**values)
