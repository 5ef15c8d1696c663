"""Curves of trainings as a table to download: names of columns say set and unit. Knows no run and no screen."""

from collections.abc import Iterable, Sequence

COLUMNS = {
    "epoch": "epoch",
    "step": "step",
    "seconds": "time, s",
    "kind": "report",
    "train_loss": "loss, training images since the last report, nats",
    "train_accuracy": "accuracy, training images since the last report, %",
    "probe_loss": "loss, 256 validation images, nats",
    "probe_accuracy": "accuracy, 256 validation images, %",
    "validation_loss": "loss, validation images, nats",
    "validation_accuracy": "accuracy, validation images, %",
    "test_loss": "loss, test images, nats",
    "test_accuracy": "accuracy, test images, %",
    "images_per_second": "speed, images/s",
}
PROBED = "report"  # a report of this kind is about a few of the validation images, all others about all of them


def curves_table(
    runs: Iterable[tuple[str, Sequence[dict], bool]],
) -> tuple[list[str], list[list[object]]]:
    """Head and rows, one for each report of each run.

    Args:
        runs: id, metrics, and whether the test images served for validation, of each run. That is said in the column
            *validated on*.

    Returns:
        The names of the columns, and rows of as many values; None where a report says nothing. Accuracies are in per
        cent, losses in nats.
    """
    rows = [
        [run, "test images" if peeks else "validation images", *_row(line)]
        for run, lines, peeks in runs
        for line in lines
    ]
    return ["run", "validated on", *COLUMNS.values()], rows


def _row(line: dict) -> list[object]:
    if line["kind"] == PROBED:
        moved = {"validation_loss": "probe_loss", "validation_accuracy": "probe_accuracy"}
        line = {moved.get(name, name): value for name, value in line.items()}
    values = [line.get(name) for name in COLUMNS]
    return [
        100 * value if isinstance(value, float) and name.endswith("accuracy") else value
        for name, value in zip(COLUMNS, values, strict=True)
    ]
