"""Key visual cues: what a class is recognised by, or told from another one by, over many images.

Knows modules and arrays; no run, no path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from fmexplore.data.fashion_mnist import CLASS_NAMES, PLURALS, Split
from fmexplore.errors import ConfigError
from fmexplore.evaluation.predictions import BATCH, predict_batches
from fmexplore.inside.ablation import Ranking, rank_channels
from fmexplore.inside.attributions import SIDE, Occluder, Report, Target, integrate_gradients, occlude, spread
from fmexplore.inside.graph import Graph

if TYPE_CHECKING:
    from torch import Tensor

    from fmexplore.inside.passes import Passes

PATCH = Occluder(patch=7, stride=3)
TYPICAL = 9  # images shown
STEPS, TOLERANCE = 8, 0.05  # of integrated gradients, whose errors cancel in a mean
MEASURED = 5  # channels, on at most so many images
MEASURED_ON = 1000
PLACES = (  # row by row
    *("upper left", "upper centre", "upper right", "middle left", "centre", "middle right"),
    *("lower left", "lower centre", "lower right"),
)
_ARRAYS = ("mean_image", "occlusion", "attribution", "lost", "typical")


@dataclass(frozen=True)
class Cues:
    """What speaks for a target, on average over the images of the class that the network recognises."""

    target: Target
    images: int  # how many
    mean_image: np.ndarray  # (28, 28) float32, 0 to 255
    occlusion: np.ndarray  # (28, 28) float32: how far the target falls when that place is covered
    attribution: np.ndarray  # (28, 28) float32: integrated gradients
    lost: np.ndarray  # (28, 28) float32: the share of them that is not recognised any more with that place covered
    place: str  # where covering costs most, such as "upper left"
    worst: float  # the share that is lost there, 0 to 1
    typical: np.ndarray  # (k,) int: positions in the split of those nearest to their mean in feature space
    layer: str | None  # whose channels are ranked: the last one with maps
    ranking: Ranking | None

    def to_arrays(self) -> dict[str, np.ndarray]:
        """All its arrays by name, as they are stored; `from_arrays` makes it again."""
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        known = {"images": self.images, "worst": self.worst, "place": PLACES.index(self.place)}
        arrays |= {name: np.array([value]) for name, value in known.items()}
        ranking = self.ranking.to_arrays() if self.ranking else {}
        return arrays | {f"ranking.{name}": value for name, value in ranking.items()}

    @classmethod
    def from_arrays(cls, target: Target, layer: str | None, arrays: dict[str, np.ndarray]) -> Cues:
        """The cues of that target, by the channels of that layer, whose `to_arrays` gave these.

        Raises KeyError where one is missing.
        """
        prefix = "ranking."
        ranking = {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
        return cls(
            target=target,
            images=int(arrays["images"][0]),
            place=PLACES[int(arrays["place"][0])],
            worst=float(arrays["worst"][0]),
            layer=layer,
            ranking=Ranking.from_arrays(ranking) if ranking else None,
            **{name: arrays[name] for name in _ARRAYS},
        )

    @property
    def sentence(self) -> str:
        """What they come to."""
        name, against = _plural(self.target.label), self.target.against
        known = name if against is None else f"{name} against {_plural(against)}"
        images = f"{self.images} recognised validation image{'s' if self.images > 1 else ''}"
        if not self.worst:
            return f"No single place decides on {known}: of {images} none is lost, whatever place is covered."
        share = f"{self.worst:.0%}".replace("%", " %") if self.worst >= 0.01 else "less than 1 %"
        lost = f"{share} of {images} are taken for another class"
        if against is not None:
            one, other = (CLASS_NAMES[label] for label in (against, self.target.label))
            lost = f"{one} becomes more probable than {other} for {share} of {images}"
        return f"For {known} the {self.place} counts most: with it covered, {lost}."


def find_cues(
    passes: Passes, target: Target, split: Split, occluder: Occluder = PATCH, report: Report = lambda _: None
) -> Cues:
    """What the recognised images of a class have in common for the network.

    Args:
        passes: the network.
        target: a class, or a class against another.
        split: images and labels, those of validation.
        occluder: the patch that is moved over every image.
        report: called as it goes on.

    Raises:
        ConfigError: no image of the class is recognised.
    """
    network = passes.network
    found = _recognised(passes, target, split)
    images = split.images[found.positions]
    before = target.of(found.logits).numpy()
    effects, lost = np.zeros((2, len(occluder.corners)))
    for number, image in enumerate(images):
        for start, covered in occlude(network, image, occluder):
            part = slice(start, start + len(covered))
            effects[part] += before[number] - target.of(covered).numpy()
            lost[part] += (
                covered.argmax(1) != target.label if target.against is None else target.of(covered) < 0
            ).numpy()
        report(0.7 * (number + 1) / len(images))
    effects, lost = effects / len(images), lost / len(images)
    heat = np.zeros((SIDE, SIDE))
    for start in range(0, len(images), BATCH):
        part = images[start : start + BATCH]
        share = 0.7 + 0.26 * start / len(images)
        heat += integrate_gradients(network, part, target, STEPS, TOLERANCE, lambda _: report(share))[0].sum(0)  # noqa: B023
    layer, ranking = ranked_layer(passes.graph), None
    if layer:
        few = split.take(np.union1d(found.positions[:1], np.arange(min(MEASURED_ON, len(split)))))
        ranking = rank_channels(passes, layer, target.label, few, MEASURED, lambda share: report(0.96 + 0.04 * share))
    worst = int(np.lexsort((-effects, -lost))[0])
    return Cues(
        target=target,
        images=len(images),
        mean_image=images.mean(0, dtype=np.float32),
        occlusion=spread(effects, occluder),
        attribution=(heat / len(images)).astype(np.float32),
        lost=spread(lost, occluder),
        place=name_place(*occluder.corners[worst], occluder.patch),
        worst=float(lost[worst]),
        typical=found.typical,
        layer=layer,
        ranking=ranking,
    )


@dataclass(frozen=True)
class _Recognised:
    positions: np.ndarray  # (n,) in the split
    logits: Tensor  # (n, 10)
    typical: np.ndarray


def _recognised(passes: Passes, target: Target, split: Split) -> _Recognised:
    import torch

    members = np.flatnonzero(split.labels == target.label)
    batches = list(predict_batches(passes.network, split.images[members], len(members)))
    logits = np.concatenate([np.zeros((0, 10), np.float32), *(each for each, _ in batches)])
    right = logits.argmax(1) == target.label
    if not right.any():
        raise ConfigError(
            f"{PLURALS[target.label]}: none of {len(members):,} validation images is recognised, so they have no cues: "
            "choose another class or run."
        )
    features = np.concatenate([each for _, each in batches if each is not None])[right]
    nearest = np.argsort(np.linalg.norm(features - features.mean(0), axis=1), kind="stable")[:TYPICAL]
    return _Recognised(members[right], torch.from_numpy(logits[right]), members[right][nearest])


def _plural(label: int) -> str:
    """As within a sentence: "shirts", but "T-shirts"."""
    name = PLURALS[label]
    return name if name[1] == "-" else name.lower()


def ranked_layer(graph: Graph) -> str | None:
    """The layer whose channels are ranked: the last one with maps."""
    return graph.mapped[-1] if graph.mapped else None


def name_place(top: int, left: int, patch: int) -> str:
    """Where on the image a patch lies, by the third in which its centre is.

    >>> name_place(0, 0, 7), name_place(12, 10, 7), name_place(21, 12, 7)
    ('upper left', 'centre', 'lower centre')
    """
    row, column = (min(2, int(3 * (start + patch / 2) / SIDE)) for start in (top, left))
    return PLACES[3 * row + column]
