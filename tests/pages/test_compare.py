"""The Compare page: which runs, what is said of them, and that nothing in a link or a folder breaks it."""

import json
import re

import numpy as np
import pytest

from fmexplore.evaluation.significance import compare_accuracies
from fmexplore.runs.derived import Derived
from fmexplore.runs.run import Run
from fmexplore.runs.status import write_status
from fmexplore.runs.store import SHIPPED, RunStore
from fmexplore.settings import read_settings
from fmexplore.ui.compare.page import _curves_finding as curves_finding
from fmexplore.ui.glossary import find_terms
from fmexplore.ui.selection.runs import MOST

COMPARE, CONFUSIONS, HOME, TRAIN = (f"pages/{name}.py" for name in ("compare", "confusions", "home", "train"))


def ids(*runs: Run) -> str:
    return ",".join(run.id for run in runs)


def tables(page) -> list[dict[str, list[str]]]:
    """The tables of the page: by their rows' names, the values of each run; the head under an empty name."""
    found = []
    for element in page.at.get("html"):
        if "class='runs-table'" not in element.proto.body:
            continue
        rows = {}
        for row in re.findall(r"<tr>(.*?)</tr>", element.proto.body):
            first, *cells = (re.sub("<.*?>", "", cell) for cell in re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row))
            rows[first] = cells
        found.append(rows)
    return found


def links(page) -> dict[str, str]:
    """What the links of the page say, with the query that they lead to."""
    return {each.proto.label: each.proto.query_string for each in page.at.page_link}


def curves(page) -> dict[str, list[list[float]]]:
    """Points of the overlaid curves by run."""
    (chart,) = page.at.get("echarts_chart")
    return {line["name"]: [point["value"] for point in line["data"]] for line in json.loads(chart.proto.spec)["series"]}


def intervals(page) -> list[str]:
    """Names beside the intervals, from the top."""
    (chart,) = page.at.get("plotly_chart")
    return [trace["name"] for trace in json.loads(chart.proto.spec)["data"]]


def predictions(run: Run, drawn):
    return Derived(run, read_settings()).read_predictions("test", drawn)


@pytest.fixture
def faster(tiny):
    return tiny.replace(training={**tiny.training.model_dump(mode="json"), "learning_rate": 0.02})


@pytest.fixture
def two(trained, faster):
    """Two runs with another learning rate, which guess differently."""
    return trained("mine"), trained("theirs", seed=5, config=faster)


def test_two_runs_are_compared_by_link(app, two, drawn):
    page = app().open(COMPARE, runs=ids(*two))
    first, second = (predictions(run, drawn) for run in two)
    (verdict,) = compare_accuracies(first.labels, first.predicted, [second.predicted])
    assert verdict.sentence("mine", "theirs") in page.text
    gain = f"{100 * verdict.gain:+.2f}".replace("-", "−")
    assert f"{gain} ± {100 * verdict.margin:.2f} points" in page.text
    assert "mine and theirs differ by" in page.text or "is better than" in page.text
    assert "**theirs** against **mine**" in page.text
    settings, figures = tables(page)
    assert settings == {"": ["mine", "theirs"], "Learning rate": ["0.01", "0.02"]}
    assert "Only one thing differs: learning rate" in page.text
    assert figures["Test images right"][0].startswith(f"{100 * first.accuracy:.2f}\N{NO-BREAK SPACE}% (")
    assert figures["Parameters"] == ["1,418", "1,418"]
    assert figures["Gap, training to validation"] == ["–", "–"]
    assert not page.errors
    assert not page.warnings


def test_disagreements_are_links_to_exactly_their_images(app, two, drawn):
    page = app().open(COMPARE, runs=ids(*two))
    first, second = (predictions(run, drawn) for run in two)
    only = {"first": first.right & ~second.right, "second": ~first.right & second.right}
    names = {"first": "mine", "second": "theirs"}
    for side, chosen in only.items():
        query = links(page)[f"See {chosen.sum():,} images that only {names[side]} gets right"]
        opened = app().open(CONFUSIONS, **dict(part.split("=") for part in query.split("&")))
        assert sorted(opened.images) == np.flatnonzero(chosen).tolist() != []


def test_curves_of_all_runs_are_overlaid(app, two):
    page = app().open(COMPARE, runs=ids(*two))
    assert {name: len(points) for name, points in curves(page).items()} == {"mine": 3, "theirs": 3}
    assert intervals(page) == ["mine", "theirs"]
    page.set("curve_figure", "loss").set("curve_over", "minutes")
    assert curves(page)["mine"] == [[1 / 60, 0.6], [2 / 60, 0.5], [3 / 60, 0.4]]
    assert "lowest validation loss" in page.text


def test_several_runs_are_tested_against_one_that_can_be_chosen(app, two, trained, drawn):
    third = trained("third", seed=9)
    page = app().open(COMPARE, runs=ids(*two, third))
    assert "**third** against **mine**" in page.text
    assert "Holm's correction" in page.text
    page.set("compared_against", third.id)
    assert page.query == {"runs": ids(*two, third), "against": third.id}
    assert "**mine** against **third**" in page.text
    first, *others = (predictions(run, drawn) for run in (third, *two))
    for verdict, name in zip(
        compare_accuracies(first.labels, first.predicted, [o.predicted for o in others]), ("mine", "theirs")
    ):
        assert verdict.sentence("third", name) in page.text


def test_runs_that_differ_in_their_seed_show_their_spread(app, trained, tiny, drawn):
    training = tiny.training.model_dump(mode="json")
    configs = [tiny.replace(training={**training, "seed": seed}) for seed in (1, 2, 3)]
    runs = [trained(f"seed {n}", seed=n, config=config) for n, config in enumerate(configs)]
    page = app().open(COMPARE, runs=ids(*runs))
    accuracies = [predictions(run, drawn).accuracy for run in runs]
    assert f"{100 * np.mean(accuracies):.2f} % ± {100 * np.std(accuracies, ddof=1):.2f} points" in page.text
    assert "differ only in their seed" in page.text
    assert intervals(page)[-1] == "3 seeds"


def test_runs_are_chosen_and_kept_in_the_link(app, two, trained):
    third = trained("third", seed=9)
    page = app().open(COMPARE)
    assert "Choose two to six runs" in page.text
    page.set("compared_runs", [two[0].id])
    assert page.query == {"runs": two[0].id}
    assert "What should mine be compared to" in page.text
    label = next(label for label in page.buttons if label.startswith("mine and "))  # made in one second: in any order
    other = {run.title: run for run in (two[1], third)}[label.removeprefix("mine and ")]
    page.click(label)
    assert page.query == {"runs": ids(two[0], other)}
    assert f"**{other.title}** against **mine**" in page.text
    page.set("compared_runs", [])
    assert page.query == {}


def test_seeds_of_one_training_are_suggested(app, trained, tiny):
    training = tiny.training.model_dump(mode="json")
    runs = [trained(f"seed {n}", seed=n, config=tiny.replace(training={**training, "seed": n})) for n in (1, 2, 3)]
    page = app().open(COMPARE).click("3 seeds of one training")
    assert set(page.query["runs"].split(",")) == {run.id for run in runs}


def test_with_nothing_to_compare_it_says_what_to_do(app, trained):
    page = app().open(COMPARE)
    assert "needs two runs" in page.text
    assert "Train a network" in links(page)


@pytest.mark.parametrize("link", ["nonsense", "../../etc", "a,b,c,d,e,f,g,h", ",,,", "%00", "é" * 500])
def test_a_link_that_makes_no_sense_is_told_and_the_page_stays_usable(app, two, link):
    page = app().open(COMPARE, runs=link)
    assert not page.errors
    assert page.warnings or link == ",,,"
    page.open(COMPARE, runs=f"{link},{ids(*two)}")
    if link.count(",") < MOST:
        assert "**theirs** against **mine**" in page.text
        assert all("There is no run" in warning for warning in page.warnings)


def test_a_deleted_run_is_missed_and_the_others_remain(app, two, trained, store):
    third = trained("third", seed=9)
    store.delete(third, third.status.owner)
    page = app().open(COMPARE, runs=ids(two[0], third, two[1]))
    (warning,) = page.warnings
    assert "the run was deleted; the others are shown" in warning
    assert "**theirs** against **mine**" in page.text


def test_at_most_six_are_compared(app, trained):
    runs = [trained(f"run {number}", seed=number) for number in range(MOST + 1)]
    page = app().open(COMPARE, runs=ids(*runs))
    assert "names 7 runs" in page.warnings[0]
    assert "take one out" in page.warnings[0]
    assert tables(page)[-1][""] == [f"run {number}" for number in range(MOST)]


@pytest.mark.parametrize("file", ["config.json", "status.json", "metrics.jsonl"])
def test_a_broken_run_is_left_out_and_named(app, two, trained, file):
    broken = trained("broken", seed=9)
    (broken.path / file).write_text("{\n")
    page = app().open(COMPARE, runs=ids(*two, broken))
    assert file in page.warnings[0]
    assert "It was left out" in page.warnings[0]
    assert "**theirs** against **mine**" in page.text


def test_broken_weights_leave_the_test_out_and_the_rest_is_shown(app, two, trained):
    broken = trained("broken", seed=9, kept={})
    (broken.path / "model.safetensors").write_bytes(b"nothing")
    page = app().open(COMPARE, runs=ids(*two, broken))
    assert "broken is not tested" in page.warnings[0]
    assert "Cannot be tested: broken" in page.text
    assert tables(page)[-1]["Test images right"][2] == "–"
    assert "No test: it needs two" in page.open(COMPARE, runs=ids(two[0], broken)).text


def test_missing_predictions_are_asked_for(app, two, trained, desk):
    third = trained("third", seed=9, kept={}, weights="random")
    page = app().open(COMPARE, runs=ids(two[0], third))
    assert "predict_split" in desk.asked
    assert "**third** against **mine**" in page.text


def test_a_run_that_trains_shows_its_curves_and_no_test(app, two, trained):
    running = trained("running", seed=9, state="running", started=4e9, ended=None)
    page = app().open(COMPARE, runs=ids(running, two[0]))
    assert "The runs are tested when two of them have ended" in page.text
    assert list(curves(page)) == ["running", "mine"]
    assert "against" not in "".join(links(page))
    page.open(COMPARE, runs=ids(running, *two))
    assert "**theirs** against **mine**" in page.text
    assert "Not tested yet: running" in page.text
    page.set("compared_against", running.id)
    assert "running is not tested: choose another run to test against" in page.text
    write_status(running.path, running.status.replace(state="finished"))
    assert "**mine** against **running**" in page.run().text


def test_a_run_that_was_guided_by_the_test_set_has_the_badge(app, two, trained, tiny):
    config = tiny.replace(training={**tiny.training.model_dump(mode="json"), "validation": "test"})
    page = app().open(COMPARE, runs=ids(two[0], trained("peeking", seed=9, config=config)))
    assert "as published: peeks" in page.text
    assert "peeking used the test set for validation" in page.text
    assert "Their validation images are not the same" in page.text
    assert "as published: peeks" not in app().open(COMPARE, runs=ids(*two)).text


def test_times_and_gap_are_measured_when_asked_for_and_then_kept(app, trained, faster, desk):
    runs = [trained("mine", weights="random"), trained("theirs", seed=5, config=faster, weights="random")]
    page = app().open(COMPARE, runs=ids(*runs))
    assert not {"time_network", "index_images"} & set(desk.asked)
    assert tables(page)[-1]["Time for one image"] == ["–", "–"]
    page.click("Measure times and gap here")
    assert sorted(desk.asked) == ["index_images"] * 2 + ["time_network"] * 2
    for name in ("Time for one image", "Time for 10,000 images"):
        assert all(re.fullmatch(r"[\d.e+]+ m?s \([\d.e+]+ to [\d.e+]+\)", value) for value in tables(page)[-1][name])
    assert all("±" in value for value in tables(page)[-1]["Gap, training to validation"])
    assert "Measure times and gap here" not in page.buttons
    assert app().open(COMPARE, runs=ids(*runs)).text == page.text
    assert len(desk.asked) == 4


def test_a_measurement_that_fails_is_told_once_and_can_be_tried_again(app, two):
    (two[0].path / "model.safetensors").write_bytes(b"nothing")
    page = app().open(COMPARE, runs=ids(*two)).click("Measure times and gap here")
    assert "model.safetensors" in page.errors[0]
    assert page.run().errors == []
    assert not page.buttons["Measure times and gap here"].disabled


def test_names_are_shown_as_they_were_typed_and_told_apart(app, trained, faster):
    runs = [trained("<b>*a*</b>"), trained("<b>*a*</b>", seed=5, config=faster)]
    page = app().open(COMPARE, runs=ids(*runs))
    heads = tables(page)[0][""]
    assert heads == [f"&lt;b&gt;*a*&lt;/b&gt; ({run.id[-4:]})" for run in runs]
    assert "<b>" not in page.text.replace("\\<b\\>", "")


def test_the_picker_tells_an_own_run_from_a_shipped_one_of_its_name(app, two, trained, monkeypatch):
    mine, shipped = trained("quick"), Run(SHIPPED / "quick", shipped=True)
    monkeypatch.setattr(RunStore, "shipped_runs", lambda self: [shipped])
    page = app().open(COMPARE, runs=ids(mine, two[0]))
    texts = page.at.get_by_key("compared_runs").options
    assert {"quick", f"quick ({mine.id[-4:]})"} <= set(texts)


def test_a_chart_is_described_in_words_without_marks_of_markdown(app, trained, faster):
    page = app().open(COMPARE, runs=ids(trained("a_b (1)"), trained("c-d", seed=5, config=faster)))
    page.set("curve_figure", "loss")
    (curve,), (accuracies,) = (page.at.get(kind) for kind in ("echarts_chart", "plotly_chart"))
    assert curve.proto.alt == "a_b (1) gets the lowest validation loss"
    assert accuracies.proto.alt
    assert "\\" not in accuracies.proto.alt


def test_lines_of_seeds_are_not_called_intervals(app, two, trained, tiny):
    assert "Lines are 95 % intervals." in app().open(COMPARE, runs=ids(*two)).text
    again = trained("again", seed=9, config=tiny.replace(training={**tiny.training.model_dump(mode="json"), "seed": 7}))
    text = app().open(COMPARE, runs=ids(two[0], again)).text
    assert "Lines are 95 % intervals; for several seeds, ± one standard deviation." in text


def test_it_is_reached_from_the_list_of_runs(app, two):
    page = app().open(HOME)
    page.choose_row(page.names.index("theirs")).click("Compare")
    assert page.query == {"runs": two[1].id}
    assert "What should theirs be compared to" in page.text


# --- a hosted server ---


def test_a_link_to_runs_of_others_opens_them_and_offers_no_more(hosted, trained, faster):
    runs = [trained("anns", owner="a" * 16), trained("anns other", seed=5, config=faster, owner="a" * 16)]
    trained("secret", seed=7, owner="a" * 16)
    page = hosted("b").open(COMPARE, runs=ids(*runs))
    assert "**anns other** against **anns**" in page.text
    assert len(page.at.get_by_key("compared_runs").options) == 2
    assert "secret" not in page.text


def test_a_run_that_began_with_what_another_had_learnt_is_not_praised_for_its_speed(app, two):
    write_status(two[1].path, two[1].status.replace(task="distill"))
    page = app().open(COMPARE, runs=ids(*two))
    assert "reaches" not in page.text
    assert f"Began with the weights of an earlier run: {two[1].title}." in page.text


def test_every_figure_of_the_runs_has_a_term_that_explains_it(app, two):
    *_, figures = tables(app().open(COMPARE, runs=ids(*two)))
    everyday = {"", "Minutes of training", "Time for 10,000 images"}
    assert "Parameters" in figures
    assert [name for name in figures.keys() - everyday if not find_terms(name)] == []


def test_a_run_far_behind_all_others_does_not_set_the_level_that_is_reached_first():
    curves = [("good", [[1, 0.9], [2, 0.92]]), ("better", [[1, 0.88], [3, 0.93]]), ("broken", [[0.5, 0.66], [1, 0.1]])]
    two, three = (curves_finding(each, "accuracy", "epochs").replace("\xa0", " ") for each in (curves[1:], curves))
    assert two == "better reaches 93.0 % validation accuracy; broken at most 66.0 %"
    assert three == (
        "good reaches 92.0 % validation accuracy first, after 2 epochs; better needs 3 epochs; broken at most 66.0 %"
    )
