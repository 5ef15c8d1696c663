"""One image large, with ten probabilities, its history over a run and the verdicts of other runs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.ui.components import register, sent
from fmexplore.ui.components.gallery import picture_sheet
from fmexplore.ui.formatting import num

CardAction = Literal["previous", "next", "close"]
_component = register("card", "<div class='card'></div>")


@dataclass(frozen=True)
class Chip:
    """A prediction: its class, by which run or when, and whether it was right."""

    text: str
    note: str
    right: bool
    title: str = ""


@dataclass(frozen=True)
class Way:
    """Where the card stands among the images that it was opened from."""

    back: str = "Close"  # empty where there is nowhere to go back to
    place: str = ""  # as in "3 of 112"; empty where there are no others
    previous: bool = False
    next: bool = False


def card(
    image: np.ndarray,
    label: int | None,
    key: str,
    on_go: Callable[[CardAction], None],
    probabilities: np.ndarray | None = None,
    way: Way = Way(),
    history: Sequence[Chip] = (),
    history_title: str = "",
    others: Sequence[Chip] = (),
) -> None:
    """Show an image `(28, 28) uint8` with its label, if it has one, and, where known, probabilities `(10,)`.

    `on_go` gets the direction of navigation: with buttons, arrow keys or Escape.
    """

    def went() -> None:
        if (step := sent(key, "go")) is not None:
            on_go(step)

    predicted = None if probabilities is None else int(probabilities.argmax())
    bars = [] if probabilities is None else [_bar(n, float(p), label, predicted) for n, p in enumerate(probabilities)]
    verdict = [] if predicted is None else [f"taken for {CLASS_NAMES[predicted]}"]
    name = [] if label is None else [CLASS_NAMES[label]]
    _component(
        key=key,
        data={
            "picture": picture_sheet(image[None], 1),
            "alt": ", ".join(name + verdict),
            "bars": bars,
            **vars(way),
            "history": [vars(chip) for chip in history],
            "history_title": history_title,
            "others": [vars(chip) for chip in others],
        },
        on_go_change=went,
    )


def _bar(number: int, probability: float, label: int | None, predicted: int | None) -> dict:
    return {
        "name": CLASS_NAMES[number],
        "probability": probability,
        "text": f"{num(100 * probability):.1f} %",
        "true": number == label,
        "verdict": label is None and number == predicted,
        "predicted": number == predicted,
    }
