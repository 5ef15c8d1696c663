"""What each stage of the way from a photo to a verdict is worth, on a folder of labelled photos.

    .venv/bin/python -m benchmarks.photo_stages FOLDER [--begin best] [--out docs/data/photo_stages.json]

`--begin` is the run that has not seen photos, `photo` the one that has. FOLDER has a labels.csv (docs/cli.md).
"""

import argparse
import io
import json
import os
import time
from pathlib import Path

import numpy as np
from PIL import Image

from fmexplore.machine import prepare_process

prepare_process(trains=False)

import torch  # noqa: E402

from fmexplore.analysis.images import predict_images  # noqa: E402
from fmexplore.analysis.photos import find_mask, recognize  # noqa: E402
from fmexplore.analysis.task import NullProgress  # noqa: E402
from fmexplore.data import fashion_mnist  # noqa: E402
from fmexplore.photos.conversion import OURS, WAYS, Conversion, convert  # noqa: E402
from fmexplore.photos.files import open_photo  # noqa: E402
from fmexplore.photos.labelled import LabelledPhoto, read_folder  # noqa: E402
from fmexplore.photos.scoring import Score, classify, score  # noqa: E402
from fmexplore.photos.synthetic import draw_scene  # noqa: E402
from fmexplore.runs.run import Run  # noqa: E402

PROJECT = Path(__file__).resolve().parent.parent
STAGES = {  # name: conversion, whether the run has seen photos, whether the mirror image is asked too
    "squashed, as in the papers": (WAYS["squash"], False, False),
    "the data set's seven steps": (WAYS["seven"], False, False),
    "garment by the border's colour": (OURS.replace(foreground="border"), False, False),
    "garment by our segmenter": (OURS, False, False),
    "and a run that has seen photos": (OURS, True, False),
    "and its mirror image": (OURS, True, True),
}


def convert_all(photos: list[LabelledPhoto], how: Conversion) -> tuple[np.ndarray, float]:
    """Images `(n, 28, 28)`, and the median of milliseconds for one, opening included."""
    images, times = [], []
    for photo in photos:
        content, started = photo.path.read_bytes(), time.perf_counter()
        images.append(convert(open_photo(content, photo.path.name), how, find_mask).image)
        times.append(1000 * (time.perf_counter() - started))
    return np.stack(images), float(np.median(times))


def time_phone_photo(run: Run, rounds: int = 10) -> float:
    """Median of milliseconds from a JPEG of 12 megapixels, as phones take them, to its logits."""
    draw = np.random.default_rng(0)
    scene, _ = draw_scene(fashion_mnist.load().test.images[0], draw, 320)
    large = np.asarray(Image.fromarray(scene).resize((4000, 3000)), np.float32)
    buffer = io.BytesIO()
    noisy = (large + draw.normal(0, 6, large.shape)).clip(0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(buffer, "JPEG", quality=90)
    times = []
    for _ in range(rounds + 1):
        started = time.perf_counter()
        image = convert(open_photo(buffer.getvalue(), "phone.jpg"), OURS, find_mask).image
        recognize(NullProgress(), run, image[None])
        times.append(1000 * (time.perf_counter() - started))
    return float(np.median(times[1:]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--begin", default="best")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    photos = read_folder(arguments.folder)
    runs = [Run(PROJECT / "checkpoints" / name, shipped=True) for name in (arguments.begin, "photo")]
    print(f"{len(photos)} photos, one thread, torch {torch.__version__}, {os.cpu_count()} cores, {time.strftime('%F')}")
    found: dict[str, tuple[Score, float]] = {}
    for name, (how, seen, mirrored) in STAGES.items():
        images, milliseconds = convert_all(photos, how)
        logits, _ = (recognize if mirrored else predict_images)(NullProgress(), runs[seen], images)
        found[name] = score(photos, classify(logits, runs[seen].photo_fit)), milliseconds
    groups = list(next(iter(found.values()))[0].groups)
    head = ["stage", "right", "defensible", "groups", "ECE", "AUROC", "ms", *groups]
    print("| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|")
    for name, (each, milliseconds) in found.items():
        shares = [each.top1, each.lenient, each.macro, each.error, each.auroc or 0]
        row = [name, *(f"{share:.3f}" for share in shares), f"{milliseconds:.0f}"]
        print("| " + " | ".join(row + [f"{each.groups[group][0]:.2f}" for group in groups]) + " |")
    print(f"a JPEG of 12 megapixels to its verdict: {time_phone_photo(runs[1]):.0f} ms")
    if arguments.out:
        values = {name: {**vars(each), "milliseconds": ms} for name, (each, ms) in found.items()}
        arguments.out.write_text(json.dumps(values, indent=1) + "\n")


if __name__ == "__main__":
    main()
