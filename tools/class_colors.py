"""Chooses the ten class colours, and prints how far apart they are.

    python -m tools.class_colors [--steps 30000] [--check]

Needs requirements-dev.txt. Simulated annealing on the smallest distance (CIEDE2000) between two classes, in normal
sight and in simulated protanopia and deuteranopia (Brettel, Vienot, Mollon 1997), with more distance for pairs that
networks confuse, and enough contrast on the light and on the dark ground. `--check` only measures the colours in use.
"""

import argparse
import itertools
import math
import random

from coloraide import Color

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.ui.charts.base import CLASS_COLORS

GROUNDS = ("#fcfcfb", "#15171c")
CONTRAST = 2.5  # of a mark on either ground
LEAST_CHROMA = 0.1  # in OKLCH: no greys
SIGHTS = ("normal", "protan", "deutan")
# Confused pairs count as nearer than they are, so that they end up farther apart.
CONFUSED = {(0, 6): 1.5, (2, 6): 1.5, (4, 6): 1.5, (2, 4): 1.5, (7, 9): 1.35, (5, 7): 1.35}


def seen(color: Color) -> list[Color]:
    """The colour as each kind of sight sees it."""
    return [color, *(color.filter(sight) for sight in SIGHTS[1:])]


def distance(first: list[Color], second: list[Color]) -> float:
    """The smallest of the distances in the three kinds of sight."""
    return min(one.delta_e(other, method="2000") for one, other in zip(first, second, strict=True))


def is_visible(color: Color) -> bool:
    return color.in_gamut() and all(color.contrast(ground) >= CONTRAST for ground in GROUNDS)


def weight(pair: tuple[int, int]) -> float:
    return CONFUSED.get(pair) or CONFUSED.get(pair[::-1], 1.0)


def draw(near: Color | None, spread: float) -> Color:
    """A random colour that is visible on both grounds, near another one if given."""
    while True:
        if near is None:
            place = [random.uniform(0.35, 0.85), random.uniform(LEAST_CHROMA, 0.3), random.uniform(0, 360)]
        else:
            steps = (0.5 * spread, 0.4 * spread, 360 * spread)
            place = [
                value + random.gauss(0, step) for value, step in zip(near.convert("oklch")[:3], steps, strict=True)
            ]
        color = Color("oklch", place).convert("srgb")
        if is_visible(color) and color.convert("oklch")[1] >= LEAST_CHROMA:
            return Color(color.to_string(hex=True))


def choose(steps: int) -> list[Color]:
    colors = [draw(None, 1) for _ in CLASS_NAMES]
    views = [seen(color) for color in colors]
    pairs = list(itertools.combinations(range(len(colors)), 2))
    apart = {pair: distance(views[pair[0]], views[pair[1]]) / weight(pair) for pair in pairs}

    def score(values: dict) -> float:
        """The smallest counts most; the others a little, so that there is always a way uphill."""
        return -math.log(sum(math.exp(-value / 1.5) for value in values.values()))

    best, best_score, now = list(colors), score(apart), score(apart)
    for step in range(steps):
        heat = 1 - step / steps
        one = random.randrange(len(colors))
        color = draw(colors[one] if random.random() < 0.9 else None, 0.02 + 0.15 * heat)
        view = seen(color)
        tried = {
            **apart,
            **{pair: distance(view, views[pair[0] + pair[1] - one]) / weight(pair) for pair in pairs if one in pair},
        }
        new = score(tried)
        if new > now or random.random() < math.exp((new - now) / (0.02 + 0.3 * heat)):
            colors[one], views[one], apart, now = color, view, tried, new
            if now > best_score:
                best, best_score = list(colors), now
    return best


def report(colors: list[Color]) -> None:
    views = [seen(color) for color in colors]
    for color, name in zip(colors, CLASS_NAMES, strict=True):
        contrasts = ", ".join(f"{color.contrast(ground):.1f}" for ground in GROUNDS)
        print(f'    "{color.to_string(hex=True)}",  # {name}; contrast {contrasts}')
    pairs = sorted((distance(views[a], views[b]), a, b) for a, b in itertools.combinations(range(len(colors)), 2))
    for value, a, b in pairs[:5]:
        print(f"{value:5.1f}  {CLASS_NAMES[a]} / {CLASS_NAMES[b]}")
    print("confused pairs:")
    for a, b in CONFUSED:
        print(f"{distance(views[a], views[b]):5.1f}  {CLASS_NAMES[a]} / {CLASS_NAMES[b]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=30_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    report([Color(color) for color in CLASS_COLORS] if arguments.check else choose(arguments.steps))


if __name__ == "__main__":
    main()
