"""Curves as a table."""

from fmexplore.ui.charts.table import COLUMNS, curves_table

PLACE = {"step": 20, "steps": 40, "epoch": 0.5, "seconds": 1.25}


def test_each_report_is_a_row_whose_columns_say_set_and_unit():
    lines = [
        {"kind": "report", **PLACE, "train_loss": 0.5, "train_accuracy": 0.8, "validation_accuracy": 0.75},
        {"kind": "end", **PLACE, "validation_accuracy": 0.7, "validation_loss": 0.6, "test_accuracy": 0.69},
    ]
    head, rows = curves_table([("mine", lines, False), ("theirs", lines[1:], True)])
    first, last, other = (dict(zip(head, row, strict=True)) for row in rows)
    assert (first["run"], first["epoch"], first["time, s"]) == ("mine", 0.5, 1.25)
    assert first["accuracy, training images since the last report, %"] == 80.0
    assert first["accuracy, 256 validation images, %"] == 75.0  # not of all of them
    assert first["accuracy, validation images, %"] is None
    assert (last["accuracy, validation images, %"], last["loss, validation images, nats"]) == (70.0, 0.6)
    assert last["accuracy, test images, %"] == 69.0
    assert [last["validated on"], other["validated on"]] == ["validation images", "test images"]
    assert len(set(head)) == len(head) == len(COLUMNS) + 2


def test_a_run_without_reports_gives_no_row():
    assert curves_table([("mine", [], False)])[1] == []
