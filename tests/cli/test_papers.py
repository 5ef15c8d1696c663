"""`python -m fmexplore reproduce`: what it trains, prints and skips."""

from functools import partial

import pytest
from typer.testing import CliRunner

from fmexplore.cli import app, papers
from fmexplore.papers import reproduction, robustness
from fmexplore.papers.reproduction import PUBLISHED, Variant, read_reproduction
from fmexplore.robustness.changes import CHANGES

CHANGED = 20  # images


@pytest.fixture
def reproduce(tiny, drawn_folder, tmp_path, monkeypatch):
    """Runs the command on the drawn data set with one small system, `small`, of two variants."""
    config = tiny.replace(training=tiny.training.replace(epochs=1, validation="test"))
    variants = {PUBLISHED: Variant("as published", config, 2), "other": Variant("other", config, 1)}
    for module in (reproduction, papers):
        monkeypatch.setattr(module, "plan", lambda system: variants)
        monkeypatch.setattr(module, "systems", lambda: ("small",))
    monkeypatch.setattr(robustness, "plan", lambda system: variants)
    monkeypatch.setattr(papers, "PRINTED", {"small": None})
    monkeypatch.setattr(papers, "measure_changed", partial(robustness.measure_changed, count=CHANGED))
    monkeypatch.setattr(reproduction, "SEEN_IMAGES", 50)

    def run(*arguments):
        return CliRunner().invoke(app.app, ["reproduce", *arguments, "--out", str(tmp_path)])

    return run


def test_it_trains_every_variant_and_seed_and_keeps_each(reproduce, tmp_path):
    done = reproduce("small")
    assert done.exit_code == 0
    stored = read_reproduction("small", tmp_path).variants
    assert [each.seed for each in stored[PUBLISHED].trainings] == [0, 1]
    assert [each.seed for each in stored["other"].trainings] == [0]
    assert stored["other"].trainings[0].command == 'python -m fmexplore reproduce small --variant "other"'
    lines = done.output.strip().splitlines()
    assert len(lines) == 3
    accuracy = stored[PUBLISHED].trainings[0].result.test_accuracy
    assert lines[0].startswith(f"small, published, seed 0: test {accuracy:.2%}")


def test_what_is_stored_is_skipped(reproduce, tmp_path):
    reproduce("small", "--variant", "published", "--seeds", "1")
    before = read_reproduction("small", tmp_path)
    assert [*before.variants] == [PUBLISHED]
    done = reproduce("small", "--variant", "published")
    assert "seed 1" in done.output
    assert "seed 0" not in done.output
    assert (
        read_reproduction("small", tmp_path).variants[PUBLISHED].trainings[0] == before.variants[PUBLISHED].trainings[0]
    )
    assert "Nothing to do" in reproduce("small", "--variant", "published").output


def test_the_list_trains_nothing(reproduce, tmp_path):
    done = reproduce("--list")
    assert [line.split()[:4] for line in done.output.splitlines()] == [
        ["small", "published", "seed", "0"],
        ["small", "other", "seed", "0"],
        ["small", "published", "seed", "1"],
    ]
    assert not [*tmp_path.glob("*.json")]


def test_changed_images_are_asked_for_once_and_the_stored_trainings_stay(reproduce, tmp_path):
    reproduce("small", "--variant", "published", "--seeds", "1")
    before = read_reproduction("small", tmp_path).variants
    assert reproduce("small", "--robustness", "--list").output.split()[:5] == [
        "small",
        "changed",
        "images",
        "seed",
        "0",
    ]
    done = reproduce("small", "--robustness")
    assert done.exit_code == 0, done.output
    stored = read_reproduction("small", tmp_path)
    assert stored.variants == before
    found = stored.robustness
    assert found.test_accuracy == before[PUBLISHED].trainings[0].result.test_accuracy, "the same training once more"
    assert f"test {found.test_accuracy:.2%}; the stored training with this seed has {found.test_accuracy:.2%}" in (
        done.output
    )
    assert found.command == "python -m fmexplore reproduce small --robustness"
    assert found.images == CHANGED
    assert {change: len(right) for change, right in found.right.items()} == {
        "clean": 1,
        **{name: len(change.amounts) for name, change in CHANGES.items()},
    }
    assert found.right["gain"][0] <= CHANGED
    assert reproduce("small", "--robustness", "--list").output == ""
    assert "Nothing to do" in reproduce("small", "--robustness").output
    reproduce("small", "--variant", "published")  # another seed: what is stored of changed images stays
    assert read_reproduction("small", tmp_path).robustness == found


def test_only_the_papers_own_systems_are_tried_on_changed_images(reproduce, monkeypatch):
    monkeypatch.setattr(papers, "PRINTED", {"codered-base": None})
    assert "choose one of codered-base" in str(reproduce("small", "--robustness").exception)


def test_without_a_system_it_says_what_to_give(reproduce):
    assert "--all" in str(reproduce().exception)


def test_an_unknown_variant_is_refused_with_those_there_are(reproduce):
    assert "'peeking'" in str(reproduce("small", "--variant", "peeking").exception)
    assert "published, other" in str(reproduce("small", "--variant", "peeking").exception)


def test_verdicts_are_printed_as_a_table(tmp_path):
    done = CliRunner().invoke(app.app, ["reproduce", "team4-ann", "--verdicts", "--out", str(tmp_path)])
    assert done.exit_code == 0
    head, _, *rows = [line.strip("| ").split(" | ") for line in done.output.splitlines()]
    assert head[:5] == ["system", "claim", "printed", "here", "verdict"]
    found = {row[1]: row for row in rows}
    assert found["Test accuracy in the abstract"][4] == "contradicts itself"
    assert {row[0] for row in rows} == {"team4-ann"}


def test_the_verdicts_of_all_end_with_the_paper_that_has_no_system(tmp_path):
    done = CliRunner().invoke(app.app, ["reproduce", "--verdicts", "--out", str(tmp_path)])
    assert done.output.splitlines()[-1].startswith(
        "| shankaran | Robust to scale: images 0.7 times as large | promised"
    )
