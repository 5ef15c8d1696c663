"""The command `predict`: the classes of photos in files and folders, as lines, JSON, or a table for a spreadsheet."""

import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from fmexplore.analysis.task import NullProgress
from fmexplore.cli.terminal import AsJson, print_json
from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.errors import ConfigError, PhotoError
from fmexplore.machine import prepare_process
from fmexplore.photos.conversion import WAYS, Conversion
from fmexplore.photos.files import picture_suffixes
from fmexplore.runs.store import RunStore
from fmexplore.settings import read_settings
from fmexplore.storage import write_bytes
from fmexplore.textfiles import csv_text

if TYPE_CHECKING:
    from fmexplore.analysis.photos import Classified, Neighbour

commands = typer.Typer()
PHOTO_RUN = "photo"
WAY_HELP = "How photos are converted: ours, seven or squash."
LISTED = 3  # classes and training images in a row of the table
COLUMNS = (
    *("file", "image", "class", "probability"),
    *(f"{name}_{place}" for place in range(2, LISTED + 1) for name in ("class", "probability")),
    *("unsure", "ood_score", "exported"),
    *(f"nearest_{place}{end}" for place in range(1, LISTED + 1) for end in ("", "_class")),
    "error",
)


@dataclass(frozen=True)
class Prediction:
    """What is said of a photo, or of one of the images of the data set on a sheet."""

    path: Path
    image: int | None  # its place on a sheet, from 1
    probabilities: np.ndarray  # (10,)
    unsure: bool
    ood_score: float
    exported: bool
    seconds: float

    @property
    def order(self) -> list[int]:
        """All classes, the most probable first."""
        return [int(label) for label in np.argsort(-self.probabilities, kind="stable")]

    def as_values(self) -> dict[str, object]:
        """What `--json` prints."""
        return {
            "file": str(self.path),
            **({"image": self.image} if self.image else {}),
            "label": self.order[0],
            "name": CLASS_NAMES[self.order[0]],
            "probabilities": self.probabilities.tolist(),
            "unsure": self.unsure,
            "ood_score": self.ood_score,
            "exported": self.exported,
            "seconds": round(self.seconds, 4),
        }

    def as_text(self, top: int) -> str:
        """A line with its most probable classes."""
        place = f", image {self.image}" if self.image else ""
        classes = ", ".join(f"{CLASS_NAMES[label]} {self.probabilities[label]:.0%}" for label in self.order[:top])
        unsure = " (unsure: perhaps none of the ten)" if self.unsure else ""
        taken = " (an image as in the data set: taken as it is)" if self.exported else ""
        return f"{self.path}{place}: {classes}{unsure}{taken}"

    def as_row(self, neighbours: "list[Neighbour]") -> dict[str, object]:
        """A row of the table; training images are named by their address."""
        row: dict[str, object] = {"file": str(self.path), "image": self.image or ""}
        for place, label in enumerate(self.order[:LISTED], start=1):
            end = f"_{place}" if place > 1 else ""
            row |= {f"class{end}": CLASS_NAMES[label], f"probability{end}": f"{self.probabilities[label]:.4f}"}
        for place, near in enumerate(neighbours, start=1):
            row |= {f"nearest_{place}": f"train {near.number}", f"nearest_{place}_class": CLASS_NAMES[near.label]}
        return row | {"unsure": self.unsure, "ood_score": f"{self.ood_score:.4f}", "exported": self.exported}


@commands.command()
def predict(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Photos, and folders of them.")],
    run: Annotated[str, typer.Option(metavar="RUN", help="Default: the shipped one for photos.")] = PHOTO_RUN,
    way: Annotated[str, typer.Option(help=WAY_HELP)] = "ours",
    top: Annotated[int, typer.Option(min=1, max=10, help="How many classes to print for each photo.")] = 1,
    csv: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write a table too, with the nearest training images.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Predict the classes of photos of clothes."""
    prepare_process(trains=False)
    from fmexplore.analysis.photos import classify_file, find_neighbours

    found, how, files = RunStore(read_settings()).find(run), find_way(way), list(_photo_files(paths))
    rows, failed = [], 0
    for path in files:
        started = time.monotonic()
        try:
            classified = classify_file(found, path, how)
        except PhotoError as error:
            failed += 1
            rows.append({"file": str(path), "error": str(error)})
            print_json(rows[-1]) if as_json else print(f"{path}: {error}", flush=True)
            continue
        predictions = list(_predictions(path, classified, time.monotonic() - started))
        for each in predictions:
            print_json(each.as_values()) if as_json else print(each.as_text(top), flush=True)
        if csv:
            near = find_neighbours(NullProgress(), found, classified.features, LISTED)
            rows += [each.as_row(its) for each, its in zip(predictions, near, strict=True)]
    if csv:
        text = csv_text(COLUMNS, ([row.get(column, "") for column in COLUMNS] for row in rows))
        write_bytes(csv, text.encode(errors="replace"))  # a name that is no text
    if failed == len(files):
        raise PhotoError(f"None of the {failed} files can be used: the lines above say why.")
    if failed:
        raise typer.Exit(1)


def find_way(name: str) -> Conversion:
    """The conversion of that name. Raises ConfigError."""
    if name not in WAYS:
        raise ConfigError(f"--way is {name!r}: choose one of {', '.join(WAYS)}.")
    return WAYS[name]


def _predictions(path: Path, found: "Classified", seconds: float) -> Iterator[Prediction]:
    count = len(found.features)
    for number in range(count):
        yield Prediction(
            path,
            number + 1 if count > 1 else None,
            found.predictions.probabilities[number],
            bool(found.predictions.unsure[number]),
            float(found.predictions.ood_score[number]),
            found.exported,
            seconds / count,
        )


def _photo_files(paths: list[Path]) -> Iterator[Path]:
    """The files themselves, and from folders and theirs those that are named as pictures are.

    Raises PhotoError where a folder has none.
    """
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        files = sorted(file for file in path.rglob("*") if file.is_file())
        pictures = [file for file in files if file.suffix.lower() in picture_suffixes()]
        if not pictures:
            endings = Counter(file.suffix.lower() or file.name for file in files)
            named = f": its {len(files):,} files end in {', '.join(map(repr, sorted(endings)[:5]))}" if files else ""
            usual = ", ".join(picture_suffixes()[:8])
            raise PhotoError(f"No file in {path} is named as a picture{named}. Give one with {usual} and the like.")
        yield from pictures
