"""One published system: its claims with verdicts, its report or matrix beside ours, its layers and its settings."""

import numpy as np
import streamlit as st

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.evaluation.confusion import class_report
from fmexplore.models.layers import describe
from fmexplore.models.table import flops, parameters, summarize, walk
from fmexplore.papers.reported import PRINTED
from fmexplore.papers.reproduction import PUBLISHED, Training, least_disturbed, read_reproduction
from fmexplore.papers.verdicts import TONES, AssessedClaim, Verdict
from fmexplore.training.config import TrainConfig
from fmexplore.training.presets import find_preset
from fmexplore.training.published import System
from fmexplore.ui import formatting, widgets
from fmexplore.ui.components.confusion_grid import Look, confusion_grid
from fmexplore.ui.components.verdicts import VERDICT, verdict_table
from fmexplore.ui.formatting import num

MARK = ", assumed"  # after a value that the paper does not print
HEADS = ("Claim", "Printed", "Here", VERDICT, "Why")
ORDER: tuple[Verdict, ...] = ("holds", "fails", "contradicts itself", "cannot be known", "not trained yet")
WORDS = {
    "holds": ("holds", "hold"),
    "fails": ("fails", "fail"),
    "contradicts itself": ("contradicts itself", "contradict the paper itself"),
    "cannot be known": ("cannot be known", "cannot be known"),
    "not trained yet": ("not trained yet", "not trained yet"),
}


def paper_card(system: System, assessed: list[AssessedClaim]) -> None:
    """Everything about a system, below a title that counts the verdicts."""
    st.subheader(f"{system.id}: {_count(assessed)}", anchor=False)
    st.caption(system.source)
    known = read_reproduction(system.id).variants.get(PUBLISHED)
    trainings = known.trainings if known else ()
    with st.container(horizontal=True, vertical_alignment="center"):
        widgets.train_button("Train this network now", find_preset(system.id).config, where=" on this machine")
        if trainings:
            st.caption(_origin(trainings))
    views = {"claims": "Claims", "layers": "Layers", "settings": "Settings"}
    if PRINTED[system.id].report:
        views["report"] = "Class by class"
    if PRINTED[system.id].matrix:
        views["matrix"] = "Matrix"
    if st.session_state.get("paper_part") not in views:
        st.session_state.paper_part = "claims"
    part = st.segmented_control(
        "Part",
        list(views),
        format_func=views.__getitem__,
        key="paper_part",
        required=True,
        label_visibility="collapsed",
    )
    if part == "layers":
        _layers(system)
    elif part == "settings":
        _settings(system)
    elif part == "report":
        _report(system, trainings)
    elif part == "matrix":
        _matrix(system, trainings)
    else:
        rows = [(each.about, each.printed, each.found, each.verdict, each.reason) for each in assessed]
        verdict_table(HEADS, rows, [TONES[each.verdict] for each in assessed], key="paper_claims")


def _count(assessed: list[AssessedClaim]) -> str:
    counts = {verdict: sum(each.verdict == verdict for each in assessed) for verdict in ORDER}
    return ", ".join(f"{count} {WORDS[verdict][count > 1]}" for verdict, count in counts.items() if count)


def _origin(trainings: tuple[Training, ...]) -> str:
    """How often, how long, where and with what it was trained here."""
    first, times = trainings[0], "once" if len(trainings) == 1 else f"{len(trainings)} times"
    seconds = formatting.duration(least_disturbed(trainings).seconds)
    machine = f"{first.cores} cores of {first.processor}, {first.precision}, torch {first.versions['torch']}"
    fastest = "" if len(trainings) == 1 else "the fastest "
    return f"Trained {times} for this page, {fastest}in {seconds}, on {machine}, {first.date}. `{first.command}`"


def _layers(system: System) -> None:
    rows = summarize(system.model)
    table = [
        {
            "Layer": describe(row.layer),
            "Output": " × ".join(map(str, row.output)),
            "Parameters": row.parameters or None,
        }
        for row in walk(rows)
    ]
    st.markdown(f"**{num(parameters(rows)):,} parameters, {num(flops(rows) / 1e6):.1f} MFLOPs an image**")
    widgets.table(
        table,
        hide_index=True,
        height="content",
        placeholder="–",
        column_config={"Parameters": st.column_config.NumberColumn(format="localized")},
    )


def _settings(system: System) -> None:
    training, assumed = system.training, system.assumed
    weights = {"glorot": "Keras: Glorot uniform", "torch": "PyTorch: Kaiming uniform"}[system.model.initialization]
    adam = f"betas {num(training.beta1):g} and {num(training.beta2):g}, epsilon {num(training.epsilon):g}"
    known = _known_settings(training)
    rows = {name: f"{value}{MARK if name in assumed else ''}" for name, value in known.items()}
    rows |= {name: f"{value}{MARK}" for name, value in assumed.items() if name not in known}
    rows |= {"initial weights": weights, "Adam constants": f"{adam}, the framework's defaults"}
    left_out = f"{len(assumed)} settings" if len(assumed) > 1 else "one setting"
    st.markdown(f"**The paper leaves out {left_out}; the values that we assumed are marked**")
    table = [{"Setting": name, "Value": value} for name, value in rows.items()]
    widgets.table(table, hide_index=True, height="content")


def _known_settings(training: TrainConfig) -> dict[str, str]:
    shares = {"test": "on the test set", "none": "none"}
    share = f"{training.validation_share:.0%} of the training images"
    found = {
        "optimizer": training.optimizer,
        "learning rate": f"{num(training.learning_rate):g}",
        "batch size": f"{training.batch_size}",
        "epochs": f"{num(training.epochs):g}",
        "validation": shares.get(training.validation, share),
    }
    if stopping := training.early_stopping:
        found["early stopping"] = f"on validation {stopping.monitor}"
    return found


def _report(system: System, trainings: tuple[Training, ...]) -> None:
    printed = PRINTED[system.id].report
    assert printed is not None
    if not trainings:
        st.info("Not reproduced yet: this system has not been trained here.")
    reports = [class_report(np.array(each.confusion)) for each in trainings]
    table, widest, where = [], 0.0, ""
    for label, name in enumerate(CLASS_NAMES):
        row: dict[str, float | str] = {"Class": name}
        for metric in ("precision", "recall", "f1"):
            row[f"{metric}, printed"] = getattr(printed, metric)[label]
            if reports:
                ours = float(np.mean([report[label][metric] for report in reports]))
                row[f"{metric}, here"] = ours
                away = abs(ours - getattr(printed, metric)[label])
                if away > widest:
                    widest, where = away, f"{metric} of {formatting.plural(label)}"
        table.append(row)
    if reports:
        st.markdown(f"**The largest difference is in the {where}: {100 * widest:.0f} points**")
    columns = {name: st.column_config.NumberColumn(format="%.2f") for name in table[0] if name != "Class"}
    widgets.table(table, hide_index=True, height="content", column_config=columns)


def _matrix(system: System, trainings: tuple[Training, ...]) -> None:
    printed = np.array(PRINTED[system.id].matrix)
    frames = [("as printed", printed)]
    if trainings:
        ours = np.mean([each.confusion for each in trainings], axis=0).round().astype(int)
        frames = [
            (f"here minus printed, mean of {len(trainings)}", ours - printed),
            ("as printed", printed),
            ("here", ours),
        ]
    which = st.segmented_control(
        "Matrix", [name for name, _ in frames], key="paper_matrix", default=frames[0][0], required=True
    )
    position = [name for name, _ in frames].index(which)
    difference = frames[position][1]
    if len(frames) > 1 and position == 0:
        true, predicted = np.unravel_index(np.abs(difference).argmax(), difference.shape)
        st.markdown(
            f"**Largest difference: {formatting.plural(int(true))} called {formatting.class_name(int(predicted))}, "
            f"{printed[true, predicted]} printed, {printed[true, predicted] + difference[true, predicted]} here**"
        )
    confusion_grid(
        [frames[position]],
        f"paper_matrix_{position}",
        lambda _: None,
        look=Look(difference=len(frames) > 1 and position == 0, log=True),
        label="Confusion matrix",
    )
