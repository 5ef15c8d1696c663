"""What a training has reached, in words: the title of its curves, why its losses lie apart, where to go from here."""

import streamlit as st

from fmexplore.models.table import summarize, walk
from fmexplore.runs.records import Hardening
from fmexplore.runs.run import Run
from fmexplore.runs.status import Status
from fmexplore.training.config import Augmentation, RunConfig
from fmexplore.ui import formatting, session
from fmexplore.ui.formatting import num
from fmexplore.ui.runs.table import offer_download
from fmexplore.ui.train.fields import name_setting

# What a task adds to the training images.
HARDER = {
    "distill": "it also learns soft targets for augmented images",
    "train-photos": "it also learns from photos",
    "teach": "it also learns from photos",
}


def finding(run: Run, status: Status, lines: list[dict]) -> str:
    """The title of the curves: accuracy, each with its images, and after how much training."""
    result, reached = status.result, status.reached.validation_accuracy
    if status.state == "finished" and result.test_accuracy is not None:
        time = f"in {formatting.duration(result.seconds)}"
        after = time if formatting.is_start(result.epoch) else f"{_after(result.epoch, status)}, {time}"
        return f"{formatting.result_text(result)} {after}"
    if status.diverged:
        when = f"Training diverged {_after(result.epoch, status)}"
        if not (run.has_weights and run.answers):
            return f"{when}, before it had learnt anything usable"
        if reached is None:
            return f"{when}; the accuracy of the weights that it keeps is not known"
        return f"{when}; the weights that it keeps get {formatting.percent(reached)} of the validation images right"
    full = [line for line in lines if "validation_accuracy" in line and line["kind"] != "report"]
    if reached is not None and not status.active:
        return f"{formatting.percent(reached)} of the validation images are right {_after(result.epoch, status)}"
    if full:
        accuracy = formatting.percent(full[-1]["validation_accuracy"])
        return f"{accuracy} of the validation images are right {_after(full[-1]['epoch'], status)}"
    if status.state == "queued":
        return "Waiting in the queue"
    if lines and "train_accuracy" in lines[-1]:
        accuracy = formatting.percent(lines[-1]["train_accuracy"])
        return f"{accuracy} of the latest training images are right {_after(lines[-1]['epoch'], status)}"
    return "Nothing learnt yet"


def _after(epoch: float, status: Status) -> str:
    """As in "after 1.7 epochs", or where it began with what another network had learnt, "after 3 more epochs ..."."""
    if formatting.is_start(epoch):
        return "before training" if status.anew else "in a trained network, before it trains further"
    count = formatting.epochs(epoch)
    unit = "epoch" if count == "1" else "epochs"
    return f"after {count} {unit}" if status.anew else f"after {count} more {unit}, starting from a trained network"


def explain_loss_gap(config: RunConfig, status: Status, lines: list[dict]) -> str:
    """Why the training loss lies above the validation loss, by the settings of this run; empty where it does not."""
    both = [
        line
        for line in lines
        if line["kind"] in ("epoch", "snapshot") and {"train_loss", "validation_loss"} <= line.keys()
    ]
    if not both or both[-1]["train_loss"] <= both[-1]["validation_loss"]:
        return ""
    how, parts = config.training.augmentation, []
    if changed := [name for name, value in how if value != getattr(Augmentation(), name)]:
        names = (name_setting(f"augmentation.{name}") for name in changed)
        parts.append(f"its images are augmented ({', '.join(formatting.within(name) for name in names)})")
    if smoothing := config.training.label_smoothing:
        parts.append(f"its labels are smoothed ({num(smoothing):g})")
    if any(row.layer.kind == "dropout" and row.layer.rate for row in walk(summarize(config.model))):
        parts.append("dropout is on")
    if status.task in HARDER:
        parts.append(HARDER[status.task])
    if config.training.weight_average:
        parts.append("validation uses the average of the weights")
    if not parts:
        return ""
    reasons = " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))
    return f"Training loss lies above validation loss, as training is the harder task here: {reasons}."


def next_steps(run: Run, status: Status) -> None:
    """Where to go with a training that has ended and can be asked about images."""
    if status.active or not run.has_weights or not session.went_well(run):
        return
    with st.container(horizontal=True, vertical_alignment="center", gap="medium", key="next_steps"):
        st.markdown("**Next:**", width="content")
        if before := _hardened(run):
            st.page_link(
                session.INSIDE_PAGE,
                label=f"What training against {before.change} gained and cost",
                query_params={
                    **{"view": "robustness", "run": run.id},
                    **{"beside": before.parent, "change": before.change},
                },
            )
        st.page_link(session.CONFUSIONS_PAGE, label="What it confuses", query_params={"run": run.id})
        st.page_link(session.EMBEDDINGS_PAGE, label="Its map of the images", query_params={"run": run.id})
        if other := _to_compare(run):
            st.page_link(
                session.COMPARE_PAGE,
                label=f"Compare with {formatting.plain(other.title)}",
                query_params={"runs": f"{run.id},{other.id}"},
            )
        offer_download(run, "next")


def _hardened(run: Run) -> Hardening | None:
    """What the run was trained against, where the run that it began from is still there and can be asked."""
    found = run.hardening
    there = found and any(each.id == found.parent and session.went_well(each) for each in session.runs())
    return found if there else None


def _to_compare(run: Run) -> Run | None:
    """The last own run before this one that has finished, else the shipped run of its preset, or the first preset's."""
    others = [other for other in session.runs() if other != run and session.is_finished(other)]
    before = [each for each in others if not each.shipped and (run.shipped or each.status.created < run.status.created)]
    if before:
        return max(before, key=lambda each: each.status.created)
    named = {each.id: each for each in others if each.shipped}
    return named.get(run.config.preset) or named.get(session.FIRST)
