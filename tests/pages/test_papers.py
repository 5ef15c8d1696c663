"""The Papers page: claims with verdicts, one system's card, the lessons, and starting a published training."""

import json

import numpy as np
import pytest

from fmexplore.checker.text import check_text
from fmexplore.papers import reproduction
from fmexplore.papers.reported import PRINTED
from fmexplore.papers.reproduction import HONEST, NOISE, PUBLISHED, keep_robustness, keep_training
from fmexplore.runs.records import Hardening
from fmexplore.training.presets import find_preset
from fmexplore.training.published import SYSTEMS
from fmexplore.ui import formatting
from fmexplore.ui.papers.examples import format_examples, paper_examples
from fmexplore.ui.session import PAPERS_PAGE as PAPERS
from tests.papers.results import changed_images, epoch, training

IDS = [system.id for system in SYSTEMS]


@pytest.fixture
def stored(tmp_path, monkeypatch):
    """Keeps trainings in a folder of its own."""
    folder = tmp_path / "papers"
    monkeypatch.setattr(reproduction, "FOLDER", folder)

    def keep(system, *trainings, variant=PUBLISHED):
        for each in trainings:
            keep_training(system, variant, each)

    keep.folder = folder
    return keep


@pytest.fixture
def open_papers(app, stored):
    return lambda **query: app().open(PAPERS, **query)


def rows(page):
    return {row["id"]: row for row in page.given("papers_systems")["rows"]}


def plain_rows(page, table: str) -> list[list[str]]:
    """The rows of a table of verdicts, with plain spaces."""
    rows = page.given(table)["rows"]
    assert all(formatting.unbroken(text) == text for row in rows for text in row)
    return [[text.replace("\N{NO-BREAK SPACE}", " ") for text in row] for row in rows]


def claims(page):
    return {row[0]: row[1:] for row in plain_rows(page, "paper_claims")}


def test_all_eleven_systems_are_rows_with_what_was_printed(open_papers):
    page = open_papers()
    found = rows(page)
    assert list(found) == IDS
    assert found["codered-final"]["printed"] == 91.68
    assert found["venkatesh-initial"]["printed"] == 91
    assert {row["verdict"] for row in found.values()} == {"not trained yet"}
    assert "No system has been reproduced yet" in page.text


def test_a_trained_system_stands_beside_what_was_printed(open_papers, stored):
    stored("codered-final", training(epoch(0.9150)), training(epoch(0.9170), seed=1))
    stored("patel-basic", training(epoch(0.85)))
    page = open_papers(system="codered-final")
    final, basic = (rows(page)[name] for name in ("codered-final", "patel-basic"))
    assert (final["mean"], final["tolerance"], final["verdict"]) == (pytest.approx(91.6), 0.7, "holds")
    assert basic["verdict"] == "fails"
    assert "1 of 2 printed accuracies were reproduced" in page.text
    printed, here, verdict, why = claims(page)["Test accuracy"]
    assert (printed, here, verdict) == ("91.68 %", "91.60 ± 0.14 % (2 seeds)", "holds")
    assert "0.70 points" in why


def test_a_row_opens_its_card_and_is_in_the_link(open_papers):
    page = open_papers()
    assert page.given("papers_systems")["current"] == "codered-base"
    page.send("papers_systems", "pick", "team4-ann")
    assert page.query["system"] == "team4-ann"
    assert page.given("papers_systems")["current"] == "team4-ann"
    assert claims(page)["Test accuracy in the abstract"][2] == "contradicts itself"
    assert SYSTEMS[3].source in page.text


def test_the_title_of_a_card_counts_its_verdicts(open_papers, stored):
    stored("codered-base", training(epoch(0.9114, train=0.95, seen=0.96)))
    assert "codered-base: 2 hold, 1 fails" in open_papers(system="codered-base").text


@pytest.mark.parametrize("name", IDS)
def test_every_card_has_exact_layers_and_marks_what_is_assumed(open_papers, name):
    page = open_papers(system=name)
    page.set("paper_part", "layers")
    count = {"codered-final": "590,346", "patel-basic": "101,770"}.get(name, "parameters, ")
    assert count in page.text
    table = page.at.dataframe[0].value
    assert f"{int(table['Parameters'].sum()):,} parameters" in page.text
    page.set("paper_part", "settings")
    table = page.at.dataframe[0].value
    system = next(each for each in SYSTEMS if each.id == name)
    values = dict(zip(table["Setting"], table["Value"], strict=True))
    assert {setting for setting, value in values.items() if value.endswith(", assumed")} == set(system.assumed)
    assert not page.errors


def test_a_printed_report_stands_class_by_class_beside_ours(open_papers, stored):
    stored("team4-ann", training(epoch()))
    page = open_papers(system="team4-ann")
    page.set("paper_part", "report")
    table = page.at.dataframe[0].value
    assert list(table["recall, printed"]) == list(PRINTED["team4-ann"].report.recall)
    assert list(table["recall, here"]) == pytest.approx([0.9] * 10)
    assert "The largest difference is in the recall of shirts: 21 points" in page.text


def test_the_printed_matrix_stands_cell_by_cell_beside_ours(open_papers, stored):
    printed = np.array(PRINTED["codered-final"].matrix)
    ours = printed.copy()
    ours[6, 0] += 40
    ours[6, 6] -= 40
    stored("codered-final", training(epoch(), confusion=ours))
    page = open_papers(system="codered-final")
    page.set("paper_part", "matrix")
    difference = np.array(page.given("paper_matrix_0")["frames"][0]["counts"])
    assert difference[6, 0] == 40
    assert difference[6, 6] == -40
    assert np.count_nonzero(difference) == 2
    assert "shirts called T-shirt/top, 87 printed, 127 here" in page.text
    page.set("paper_matrix", "as printed")
    assert page.given("paper_matrix_1")["frames"][0]["counts"] == printed.tolist()


def test_a_system_without_a_matrix_does_not_offer_one(open_papers):
    page = open_papers(system="codered-final")
    page.set("paper_part", "matrix")
    page.send("papers_systems", "pick", "patel-final")
    assert claims(page)


def test_its_training_starts_from_the_card(open_papers, store):
    open_papers(system="patel-cnn-32").click("Train this network now")
    (run,) = store.own_runs()
    assert run.config.preset == "patel-cnn-32"
    assert run.config.training == find_preset("patel-cnn-32").training
    assert run.status.state == "queued"


@pytest.mark.parametrize(("name", "value"), [("system", "resnet"), ("system", "<b>"), ("view", "all")])
def test_what_a_link_says_in_vain_is_told(open_papers, name, value):
    page = open_papers(**{name: value})
    assert any(name in warning for warning in page.warnings)
    assert list(rows(page)) == IDS


def test_a_damaged_file_is_told_and_the_other_views_still_open(open_papers, stored):
    stored.folder.mkdir()
    (stored.folder / "patel-basic.json").write_text("{")
    page = open_papers()
    assert any("patel-basic.json" in error for error in page.errors)
    page.set("papers_view", "check")
    assert not page.errors


@pytest.mark.parametrize(("view", "system"), [("peeking", "codered-final"), ("remedies", "codered-base")])
def test_a_lesson_without_trainings_says_how_to_get_them(open_papers, view, system):
    page = open_papers(view=view)
    assert "Not reproduced yet" in page.text
    assert page.at.code[0].value == f"python -m fmexplore reproduce {system}"


def test_peeking_is_told_in_points(open_papers, stored):
    first = training(epoch(0.905, validation_accuracy=0.91), epoch(0.91, validation_accuracy=0.9))
    stored("codered-final", first, variant=HONEST)
    page = open_papers(view="peeking")
    assert "makes a result look 0.50 points better" in page.text
    assert list(page.at.dataframe[0].value["Chosen by the test set"]) == ["91.00 % (one seed)"]


def test_the_promised_robustness_is_told_with_the_networks_that_were_tried(open_papers, stored):
    page = open_papers(view="robustness")
    assert "Not measured yet" in page.text
    assert page.at.code[0].value == "python -m fmexplore reproduce --all --robustness"
    keep_robustness("patel-basic", changed_images(1800, {"rotation": 1700}))
    page = open_papers(view="robustness")
    assert "Robustness was promised and never measured: of 7 changes 6 upset all of the 1 networks tried" in page.text
    found = {row[0]: row[1:] for row in plain_rows(page, "promises")}
    assert found["Robust to rotation: images turned by 20°"][:3] == ["promised, not measured", "85.0 %", "holds"]
    assert found["Robust to lighting: images with gamma 2"][1:3] == ["0.0 %", "fails"]
    (row,) = page.at.dataframe[0].value.to_dict("records")
    assert (row["System"], row["unchanged"], row["rotation"]) == (
        "patel-basic",
        "90.0 (88.6 to 91.2)",
        "85.0 (83.4 to 86.5)",
    )
    assert "10 of 11 systems are not measured yet" in page.text


def test_remedies_are_told_by_what_they_gain_and_close(open_papers, stored):
    stored("codered-base", training(epoch(0.91, seen=0.99, validation_accuracy=0.915)), variant=HONEST)
    stored("codered-base", training(epoch(0.92, seen=0.95, validation_accuracy=0.92)), variant="dropout")
    stored("codered-base", training(epoch(0.90, seen=0.91, validation_accuracy=0.90)), variant="augmentation")
    page = open_papers(view="remedies")
    finding = "Dropout gains most, 1.00 points; augmentation closes the gap most, by 6.5 points, and costs 1.00"
    assert finding in page.text
    assert "Violet" not in page.text
    stored("venkatesh-initial", training(epoch(0.91, seen=0.99, validation_accuracy=0.91)))
    stored("venkatesh-optimised", training(epoch(0.89, seen=0.90, validation_accuracy=0.89)))
    page = open_papers(view="remedies")
    assert "The gap goes from 8.0 to 1.0 points, the accuracy from 91.0 to 89.0 %." in page.text


def test_label_noise_stands_beside_the_remedies_and_counts_as_none(open_papers, stored):
    stored("codered-base", training(epoch(0.91, seen=0.99, validation_accuracy=0.91)), variant=HONEST)
    stored("codered-base", training(epoch(0.89, seen=0.84, validation_accuracy=0.89)), variant=NOISE)
    assert "Not reproduced yet" in open_papers(view="remedies").text, "noise alone is no remedy"
    stored("codered-base", training(epoch(0.92, seen=0.95, validation_accuracy=0.92)), variant="dropout")
    page = open_papers(view="remedies")
    assert "Dropout gains most, 1.00 points, and closes the gap by 5.0" in page.text
    assert "Label noise is no remedy" in page.text
    assert "costs 2.0 points of test accuracy. Its gap is \N{MINUS SIGN}5.0 points" in page.text
    assert list(page.at.dataframe[0].value["Remedy"]) == ["none", "dropout", "label noise"]


def test_that_no_remedy_gains_is_said(open_papers, stored):
    stored("codered-base", training(epoch(0.91, seen=0.99, validation_accuracy=0.91)), variant=HONEST)
    stored("codered-base", training(epoch(0.90, seen=0.91, validation_accuracy=0.90)), variant="dropout")
    page = open_papers(view="remedies")
    found = "No remedy gains more than the variation between seeds; dropout closes the gap most, by 7.0 points"
    assert f"{found}, and costs 1.00" in page.text


def test_what_another_seed_would_give_is_no_gain(open_papers, stored):
    stored("codered-base", training(epoch(0.91, seen=0.99, validation_accuracy=0.91)), variant=HONEST)
    stored("codered-base", training(epoch(0.916, seen=0.95, validation_accuracy=0.92)), variant="dropout")
    page = open_papers(view="remedies")
    finding = (
        "No remedy gains more than the variation between seeds; dropout closes the gap most, by 5.0 points, "
        "and gains 0.60, within the variation between seeds"
    )
    assert finding in page.text
    assert "Between its seeds alone the accuracy varies by up to 0.7 points." in page.text


def networks(page) -> dict[str, tuple[float, float]]:
    """The points of the chart by name."""
    (chart,) = page.at.get("plotly_chart")
    groups = [trace for trace in json.loads(chart.proto.spec)["data"] if "customdata" in trace]
    return {name: (x, y) for group in groups for (name, _), x, y in zip(group["customdata"], group["x"], group["y"])}


def test_all_networks_are_drawn_with_the_marks_of_others(open_papers, stored, make_run, monkeypatch):
    stored("patel-basic", training(epoch(0.88)))
    shipped = make_run(name="mine")
    shipped = type(shipped)(shipped.path, shipped=True)
    hardened = make_run(name="hardened")
    hardened.write_hardening(Hardening(parent=shipped.id, change="noise"))
    cited = make_run(config=find_preset("lenet-5").config)
    from fmexplore.runs.store import RunStore

    monkeypatch.setattr(RunStore, "shipped_runs", lambda self: [shipped, hardened, cited])
    page = open_papers(view="networks")
    assert shipped.id in networks(page)
    assert not {hardened.id, cited.id} & networks(page).keys(), "none of them is a network of our own"
    assert "beats 0 of 10 published results" in page.text
    assert networks(page)["patel-basic"] == (101770, 88.0)
    assert networks(page)["DenseNet-BC"] == (768000, 95.4)
    page.set("networks_axis", "minutes")
    assert networks(page)["patel-basic"] == (1.0, 88.0)
    assert "DenseNet-BC" not in networks(page)


# --- the claim checker ---


@pytest.fixture
def checker(open_papers):
    return open_papers(view="check")


def findings(page):
    return plain_rows(page, "claim_findings")


def test_an_example_shows_what_cannot_be_true_and_is_in_the_link(checker):
    checker.set("claim_paper", "Team 4: a report and the abstract's 89 %")
    told = "An accuracy of 89 % is impossible: the recalls allow 87.0 to 88.0 %"
    assert any(told in text and verdict == "impossible" for verdict, text in findings(checker))
    assert "It contradicts itself: 1 error" in checker.text
    assert checker.query["claimed"] == "89 %"
    assert checker.query["text"].startswith("precision 0.85 0.99")


def test_a_consistent_example_is_told_to_be_so_line_by_line(checker):
    checker.set("claim_format", "matrix of R")
    assert "Consistent: what could be recomputed in this confusion matrix agrees" in checker.text
    marked = checker.given("claim_marked")
    assert [tone for line, tone in zip(marked["lines"], marked["tones"]) if "Accuracy" in line] == ["good"]
    assert any("15 / 20 = 0.75" in told for told in marked["told"])


def test_a_link_opens_its_text_and_another_link_the_next(open_papers):
    page = open_papers(view="check", text="Confusion matrix\n9 1\n1 9", claimed="0.8")
    assert findings(page)[0][0] == "impossible"
    assert page.given("claim_marked")["tones"] == ["bad", "bad", "bad"]
    page.open(PAPERS, view="check", text="Confusion matrix\n9 1\n1 9", claimed="0.9")
    assert page.at.session_state["claim_accuracy"] == "0.9"
    assert findings(page)[0][0] == "agrees"
    page.open(PAPERS, view="check")
    assert page.at.session_state["claim_text"] == ""


def test_a_long_text_is_checked_and_not_put_into_the_link(checker):
    checker.set("claim_text", "Confusion matrix\n9 1\n1 9\n" + "words and words\n" * 200)
    assert "text" not in checker.query
    assert len(checker.given("claim_marked")["lines"]) == 203


def test_every_example_is_read(checker):
    for examples in (format_examples(), paper_examples()):
        assert len(examples) > 11
        for text, accuracy in examples.values():
            assert check_text(text, accuracy or None).kinds, text


def test_before_a_text_is_there_the_page_says_what_it_does(checker):
    assert "Errors that can be proved appear here" in checker.text
    assert not checker.errors


def test_a_text_that_is_none_of_these_is_refused_politely_and_stays(checker):
    checker.set("claim_text", "The weather is fine.")
    assert "It cannot be judged" in checker.text
    assert "Nothing to check was found" in checker.text
    assert checker.at.session_state["claim_text"] == "The weather is fine."


def test_a_pasted_text_is_still_there_after_a_look_at_another_view(checker):
    page = checker.set("claim_text", "dense 10").set("claim_accuracy", "89 %")
    page.open(PAPERS, view="peeking").open(PAPERS, view="check")
    assert [page.at.get_by_key(key).value for key in ("claim_text", "claim_accuracy")] == ["dense 10", "89 %"]


def test_an_accuracy_that_is_none_is_named(checker):
    checker.set("claim_paper", "CodeRed: a matrix and its accuracy")
    checker.set("claim_accuracy", "189")
    assert any("accuracy is '189'" in error for error in checker.errors)


def test_a_file_fills_the_field_and_a_binary_one_is_refused(checker):
    rows = "\n".join(" ".join(map(str, row)) for row in PRINTED["codered-final"].matrix)
    checker.at.get_by_key("claim_file").upload("matrix.txt", rows.encode(), "text/plain").run()
    checker.whole()
    assert checker.at.session_state["claim_text"] == rows
    assert findings(checker)
    checker.at.get_by_key("claim_file").upload("picture.txt", b"\xff\xd8\xff\xe0\x00", "text/plain").run()
    assert any("picture.txt is not text" in error for error in checker.errors)
    assert checker.at.session_state["claim_text"] == rows
