"""The list of presets on the Train page, and the curves as a file."""

import csv
import io

import pytest

from fmexplore.jobs.estimates import update_speed
from fmexplore.papers.reproduction import PUBLISHED, read_reproduction
from fmexplore.runs.run import Run
from fmexplore.runs.store import RunStore
from fmexplore.settings import SHIPPED, read_settings
from fmexplore.training.presets import find_preset, presets
from fmexplore.ui.session import COMPARE_PAGE as COMPARE
from fmexplore.ui.session import TRAIN_PAGE as TRAIN
from fmexplore.ui.train.presets import measured


@pytest.fixture
def shipped(monkeypatch):
    found = [Run(SHIPPED / name, shipped=True) for name in ("best", "quick")]
    monkeypatch.setattr(RunStore, "shipped_runs", lambda self: found)


def test_every_preset_stands_with_what_it_takes_here_and_what_was_measured(app, shipped):
    page = app().open(TRAIN).set("details", "Presets")
    assert "once the speed of this machine has been measured" in page.text
    assert page.at.dataframe[0].value["minutes"].isna().all()
    update_speed(read_settings(), flops_per_second=1e11, step_seconds=0.001, worker_mb=500)
    table = page.run().at.dataframe[0].value.set_index("preset")
    assert list(table.index) == list(presets())
    assert (table["minutes"] > 0).all()
    assert set(table["basis"]) == {"from its FLOPs and this machine's speed"}
    assert table.loc["quick", "parameters"] == 157_008
    quick = Run(SHIPPED / "quick", shipped=True).status.result.test_accuracy
    assert table.loc["quick", "accuracy"] == pytest.approx(100 * quick)
    assert "best is the most accurate" in page.text


def test_where_an_accuracy_comes_from_is_said(app, shipped):
    app()
    assert measured(find_preset("quick")).how == "the shipped run"
    assert measured(find_preset("best")).how == "the shipped run, which was trained further"
    stored = read_reproduction("codered-final").variants[PUBLISHED].trainings
    found = measured(find_preset("codered-final"))
    assert found.accuracy == pytest.approx(sum(each.result.test_accuracy for each in stored) / len(stored))
    assert found.how.startswith(f"{len(stored)} trainings, mean")
    assert measured(find_preset("solid")).accuracy is None  # not shipped here, and in no paper


def test_a_chosen_preset_is_taken_into_the_form(app):
    page = app().open(TRAIN).set("details", "Presets").choose_row(list(presets()).index("lenet-5"))
    page.click("Take lenet-5 into the form")
    assert page.at.get_by_key("field:preset").value == "lenet-5"


@pytest.mark.parametrize("state", ["finished", "stopped", "failed"])
def test_curves_are_downloaded_with_a_row_for_each_report(app, make_run, downloads, state):
    runs = [make_run(state, name=name) for name in ("first", "second")]
    app().open(TRAIN, run=runs[0].id)
    assert rows_of(downloads) == [(runs[0].id, "report"), (runs[0].id, "epoch")] * 3
    app().open(COMPARE, runs=",".join(run.id for run in runs))
    assert len(rows_of(downloads)) == 12


def rows_of(downloads) -> list[tuple[str, str]]:
    text = downloads["Curves, CSV"][0]
    text = text.decode("utf-8-sig") if isinstance(text, bytes) else text.removeprefix("\ufeff")
    return [(row["run"], row["report"]) for row in csv.DictReader(io.StringIO(text))]
