"""The commands about labelled photos: `photo-bench`, and how what `predict` uses was trained."""

import time
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from PIL import Image

from fmexplore.cli.predict import PHOTO_RUN, WAY_HELP, find_way
from fmexplore.cli.terminal import (
    AsJson,
    ResumeOption,
    SetOption,
    begin_from,
    list_changes,
    print_json,
    resume_run,
    show_bar,
    spell,
    train_here,
)
from fmexplore.data import fashion_mnist
from fmexplore.errors import ConfigError, PhotoError
from fmexplore.machine import prepare_process
from fmexplore.photos.files import load_photo
from fmexplore.photos.labelled import LabelledPhoto, hold_out, read_folder
from fmexplore.photos.scoring import classify, fit_photos, score, unsure_threshold
from fmexplore.runs.store import RunStore
from fmexplore.settings import read_settings

commands = typer.Typer()
WHO_IS_HELD_OUT = "Held out are people, by the column sender, who took at most 3 % of the photos each: add more people."
Folder = Annotated[Path, typer.Argument(metavar="FOLDER", help="Photos with labels.csv, as docs/cli.md describes.")]


@commands.command()
def train_segmenter(
    folder: Folder,
    masks: Annotated[Path, typer.Option(help="Folder of the teacher's masks: grey PNGs named as the photos.")],
    epochs: Annotated[int, typer.Option(min=1)] = 40,
    seed: Annotated[int, typer.Option()] = 0,
    bf16: Annotated[bool, typer.Option(help="Where the processor has it, twice as fast.")] = True,
    judge: Annotated[Path | None, typer.Option(help="Another such folder: measure the overlap there too.")] = None,
    out: Annotated[Path | None, typer.Option(help="Default: the file that the app uses.")] = None,
    as_json: AsJson = False,
) -> None:
    """Train the network that finds the garment on a photo, from masks of a larger one."""
    prepare_process()
    import torch

    from fmexplore.photos import segmentation
    from fmexplore.photos.segmentation import Segmenter, fit_segmenter, write_segmenter

    photos = read_folder(folder)
    apart = hold_out(photos)
    if not apart.any() or (~apart).sum() < segmentation.BATCH:
        raise PhotoError(
            f"{folder} leaves {(~apart).sum()} photos to learn from and {apart.sum()} held out: at least "
            f"{segmentation.BATCH} and one are needed. {WHO_IS_HELD_OUT}"
        )
    examples = _read_examples(photos, masks)
    torch.manual_seed(seed)
    network = Segmenter()
    with show_bar("Training the segmenter", as_json) as task:
        last = None
        for last in fit_segmenter(
            network,
            examples.take(np.flatnonzero(~apart)),
            examples.take(np.flatnonzero(apart)),
            fashion_mnist.load().train.images,
            epochs,
            seed=seed,
            bf16=bf16,
        ):
            task.report(last.step / last.steps, f"loss {last.loss:.3f}")
            if last.overlap is not None and as_json:
                print_json(vars(last))
    path = out or segmentation.WEIGHTS
    write_segmenter(network, path)
    found = {"file": str(path), "bytes": path.stat().st_size, "held_out_overlap": last.overlap if last else None}
    if judge:
        others = _read_examples(read_folder(judge), masks)
        found["overlap"] = segmentation.mean_overlap(segmentation.load_segmenter(path), others)
    print_json(found)


@commands.command()
def train_photos(
    folder: Folder,
    begin: Annotated[
        str, typer.Option(metavar="RUN", help="The run whose network and weights to start from.")
    ] = "best",
    epochs: Annotated[float | None, typer.Option()] = None,
    times: Annotated[int, typer.Option(help="Variants of each photo in an epoch.")] = 16,
    seed: Annotated[int, typer.Option()] = 0,
    set_: SetOption = None,
    source: Annotated[str, typer.Option(help="Where the photos come from and their licence, for its card.")] = "",
    final_of: Annotated[
        str | None,
        typer.Option(metavar="RUN", help="Learn from everybody; temperature and threshold are those of this run."),
    ] = None,
    resume: ResumeOption = None,
    as_json: AsJson = False,
) -> None:
    """Train a copy of a run on Fashion-MNIST and photos of clothes together; `predict` then works on real photos."""
    prepare_process()
    from fmexplore.analysis.photos import classify_photos, find_mask
    from fmexplore.photos.cutouts import LENIENT, TRAINING, cut_out_all, vary_all

    store = RunStore(read_settings())
    photos = read_folder(folder)
    earlier = store.find(final_of) if final_of else None
    if earlier and not earlier.photo_fit.photos:
        raise ConfigError(f"--final-of is {final_of!r}, which has not learnt from photos: choose one that has.")
    apart = np.zeros(len(photos), bool) if earlier else hold_out(photos)
    learnt, held_out = ([photo for photo, out in zip(photos, apart, strict=True) if out == side] for side in (0, 1))
    if earlier is None:
        _require_clothes(held_out, f"held out in {folder}. {WHO_IS_HELD_OUT}")
    if resume:
        run = resume_run(store, resume)
    else:
        changes = list_changes(set_, seed=seed, epochs=epochs)
        run = begin_from(store, store.find(begin), "train-photos", TRAINING, changes, preset="photo")
    with show_bar("Cutting out the garments", as_json) as task:
        garments = cut_out_all(learnt, find_mask, task.report)
    with show_bar("Augmenting the garments", as_json) as task:
        targets = np.stack([photo.target(LENIENT) for photo in learnt])
        extra = vary_all(garments, targets, times, run.config.training.seed, task.report)
    command = spell("train-photos", folder, times=times, final_of=final_of, source=source or None)
    train_here(run, as_json, command, extra=extra, begin=run.read_weights())
    if earlier:
        known = earlier.photo_fit
        run.write_photo_fit(known.replace(photos=len(learnt), source=source or known.source))
        return
    logits, _ = classify_photos(run, held_out)
    run.write_photo_fit(fit_photos(logits, held_out, len(learnt), source))
    print_json({"run": run.id, **vars(score(held_out, classify(logits, run.photo_fit)))})


@commands.command()
def photo_bench(
    folder: Folder,
    run: Annotated[str, typer.Option(metavar="RUN", help="Default: the shipped one for photos.")] = PHOTO_RUN,
    way: Annotated[str, typer.Option(help=WAY_HELP)] = "ours",
    held_out: Annotated[bool, typer.Option("--held-out", help="Only the people whom train-photos holds out.")] = False,
    threshold: Annotated[
        bool, typer.Option("--set-threshold", help="Set the threshold for 'unsure' by these photos.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Score a run on a folder of labelled photos."""
    prepare_process(trains=False)
    from fmexplore.analysis.photos import classify_photos

    how = find_way(way)
    found, photos = RunStore(read_settings()).find(run), read_folder(folder)
    if held_out:
        photos = [photo for photo, out in zip(photos, hold_out(photos), strict=True) if out]
    _require_clothes(photos, f"held out in {folder}. {WHO_IS_HELD_OUT}" if held_out else f"in {folder}.")
    started = time.monotonic()
    with show_bar("Converting", as_json) as task:
        logits, predicted = classify_photos(found, photos, how, task.report)
    milliseconds = 1000 * (time.monotonic() - started) / len(photos)
    if threshold:
        fit = found.photo_fit.replace(unsure_above=unsure_threshold(predicted.ood_score, photos))
        found.write_photo_fit(fit)
        predicted = classify(logits, fit)
    scored = score(photos, predicted)
    if as_json:
        print_json({"run": found.id, "way": way, **vars(scored), "milliseconds": milliseconds})
        return
    print(f"{found.title}, {way}: {scored.top1:.1%} right of {scored.photos:,} photos of clothes")
    print(f"  also defensible {scored.lenient:.1%}, mean of the groups {scored.macro:.1%}")
    print(f"  calibration error {scored.error:.3f}, right among the surest half {scored.sure_half:.1%}")
    if scored.auroc is not None:
        print(f"  clothes against {scored.others} others: AUROC {scored.auroc:.3f}")
        print(f"  answered {scored.answered:.1%} of the clothes, refused {scored.refused:.1%} of the others")
    for name, (share, count) in scored.groups.items():
        print(f"  {name:<12} {share:6.1%} of {count}")
    print(f"  {milliseconds:.0f} ms a photo")


def _require_clothes(photos: list[LabelledPhoto], where: str) -> None:
    if not any(photo.known for photo in photos):
        raise PhotoError(f"No photo of clothes is {where}")


def _read_examples(photos: list[LabelledPhoto], masks: Path):
    from fmexplore.photos.segmentation import SIDE, SegmentationSet

    pictures, teachers = [], []
    for photo in photos:
        path = masks / f"{photo.path.stem}.png"
        if not path.is_file():
            raise PhotoError(f"There is no mask {path} for {photo.path.name}.")
        picture = load_photo(photo.path).convert("RGB")
        pictures.append(np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)))
        teachers.append(np.asarray(Image.open(path).convert("L").resize((SIDE, SIDE))))
    return SegmentationSet(np.stack(pictures), np.stack(teachers))
