"""Metrics of a run on one split: per class, calibration, coverage; and all of it to download."""

import numpy as np
import streamlit as st

from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.evaluation.confusion import accuracy_interval, class_report, report_text
from fmexplore.evaluation.predictions import calibration, coverage_at, coverage_curve, top_k_accuracy
from fmexplore.storage import strict_json
from fmexplore.textfiles import csv_text
from fmexplore.ui import formatting, widgets
from fmexplore.ui.charts.base import calibration_curve, coverage_chart
from fmexplore.ui.charts.template import draw
from fmexplore.ui.formatting import num
from fmexplore.ui.selection.predictions import Shown
from fmexplore.ui.url import Link

TARGET = 0.99
HELP = {
    "Accuracy": None,
    "95 % interval": "Wilson score interval: it covers the random choice of images, not the randomness of "
    "the training.",
    "Top-2 accuracy": None,
    "Calibration error": "The expected calibration error, in 15 bins (Guo et al. 2017).",
    f"Coverage at {100 * TARGET:.0f} % accuracy": "The share of images, the most confident first, "
    f"of which {100 * TARGET:.0f} % are predicted correctly.",
}


def metrics(now: Shown, _: Link) -> None:
    """The metrics that follow from the matrix and from the probabilities."""
    matrix, predictions = now.matrix, now.predictions
    report, calibrated = class_report(matrix), calibration(predictions.confidence, predictions.right)
    low, high = accuracy_interval(int(matrix.trace()), int(matrix.sum()))
    answered = formatting.percent(coverage_at(predictions, TARGET))
    hardest = min(range(len(report)), key=lambda label: report[label]["recall"])
    accuracy, recall = formatting.percent(predictions.accuracy, 2), formatting.percent(report[hardest]["recall"])
    st.subheader(
        f"{accuracy} of {num(len(predictions)):,} {now.words} are right; of the "
        f"{formatting.plural(hardest)} only {recall}",
        anchor=False,
    )
    interval, top = formatting.percents(low, high), formatting.percent(top_k_accuracy(predictions, 2))
    values = (accuracy, interval, top, formatting.percent(calibrated.error), answered)
    with st.container(horizontal=True):
        for (name, help_), value in zip(HELP.items(), values, strict=True):
            st.metric(name, value, border=True, help=help_)
    left, right = st.columns([52, 48], gap="large")
    with left:
        _classes(report)
        _downloads(now, matrix, report, (low, high))
    with right:
        signed = (calibrated.confidence - calibrated.accuracy) @ calibrated.counts
        calibration_is = "The network is overconfident" if signed > 0 else "The network is underconfident"
        gap = formatting.percent(abs(signed) / calibrated.counts.sum())
        st.markdown(f"**{calibration_is} on average, by {gap}**")
        chart = calibration_curve(calibrated.confidence, calibrated.accuracy, calibrated.counts)
        draw(chart, height=270, key="calibration", alt="Share right over confidence")
        st.markdown(f"**Coverage at {formatting.percent(TARGET, 0)} accuracy: {answered} of the images are answered**")
        chart = coverage_chart(*coverage_curve(predictions), TARGET)
        draw(chart, height=230, key="coverage", alt="Share right over the share of images answered")


def _classes(report: list[dict]) -> None:
    shares = {
        key: st.column_config.NumberColumn(title, format="%.1f %%")
        for key, title in (("precision", "Precision"), ("recall", "Recall"), ("f1", "F1"))
    }
    names = {"class": "Class", **shares, "support": st.column_config.NumberColumn("Images", format="localized")}
    table = [{**row, **{key: 100 * row[key] for key in shares}} for row in report]
    widgets.table(table, hide_index=True, height="content", column_config=names)


def _downloads(now: Shown, matrix: np.ndarray, report: list[dict], interval: tuple[float, float]) -> None:
    name = f"{now.run.id}-{now.split}" + ("" if now.moment.step is None else f"-step-{now.moment.step}")
    values = {
        "run": now.run.id,
        "split": now.split,
        "accuracy": now.predictions.accuracy,
        "interval": list(interval),
        "confusion_matrix": matrix.tolist(),
        "report": report,
    }
    rows = ([name, *counts] for name, counts in zip(CLASS_NAMES, matrix.tolist(), strict=True))
    table = csv_text(["true \\ predicted", *CLASS_NAMES], rows)
    with st.container(horizontal=True):
        widgets.download("Predictions, CSV", lambda: predictions_csv(now), f"{name}-predictions.csv", "text/csv")
        widgets.download("Matrix, CSV", table, f"{name}-matrix.csv", "text/csv")
        widgets.download("Metrics, JSON", strict_json(values, indent=1), f"{name}.json", "application/json")
        shown = st.popover("Report, text", on_change="rerun", key="report_text")
        if shown.open:  # scikit-learn takes a second to load
            with shown:
                st.code(report_text(matrix), language=None)
                widgets.download("Download", lambda: report_text(matrix), f"{name}.txt", "text/plain")


def predictions_csv(now: Shown) -> str:
    """One line an image: number, true and predicted class, ten probabilities."""
    predictions = now.predictions
    places = zip(now.numbers.tolist(), predictions.labels.tolist(), predictions.predicted.tolist(), strict=True)
    shares = predictions.probabilities.astype(float).round(6).tolist()
    header = ["image", "true", "predicted", *(f"p_{name}" for name in CLASS_NAMES)]
    return csv_text(header, ([*place, *ten] for place, ten in zip(places, shares, strict=True)))
