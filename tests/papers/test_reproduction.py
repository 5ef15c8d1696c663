"""The papers' systems trained again: which trainings there are, what is kept of each, and what is skipped."""

import json

import numpy as np
import pytest

from fmexplore.errors import ConfigError, RunBroken
from fmexplore.models.layers import BatchNorm, Dropout
from fmexplore.papers import reproduction
from fmexplore.papers.reproduction import (
    HONEST,
    NOISE,
    PUBLISHED,
    REMEDIES,
    keep_training,
    least_disturbed,
    missing,
    plan,
    read_reproduction,
    systems,
    train_again,
)
from fmexplore.papers.robustness import missing_robustness
from fmexplore.robustness.changes import CHANGES
from fmexplore.training.config import EarlyStopping
from fmexplore.training.presets import CITED, find_preset
from fmexplore.training.published import SYSTEMS


@pytest.fixture
def small(monkeypatch):
    """Looks at few training images after each epoch."""
    monkeypatch.setattr(reproduction, "SEEN_IMAGES", 100)


def shortened(config, **changes):
    return config.replace(training=config.training.replace(**{"epochs": 2, "threads": 1, **changes}))


def train_one(tiny, images, **changes):
    return train_again(shortened(tiny, **changes), images, "a command")


def test_all_eleven_systems_and_the_six_cited_architectures_are_reproduced():
    assert systems() == (*(system.id for system in SYSTEMS), *CITED)
    assert len(CITED) == 6


@pytest.mark.parametrize("system", [system.id for system in SYSTEMS])
def test_a_system_is_trained_as_its_paper_says_in_fp32(system):
    published, preset = plan(system)[PUBLISHED].config, find_preset(system)
    assert published.model == preset.model
    assert published.training == preset.training.replace(precision="fp32", snapshots=0)


def test_three_seeds_where_an_epoch_is_cheap_and_one_where_it_is_not():
    seeds = {system: plan(system)[PUBLISHED].seeds for system in systems()}
    once = {"patel-final", "venkatesh-optimised", *CITED}
    assert {system for system, count in seeds.items() if count == 1} == once
    assert set(seeds.values()) == {1, 3}


def test_a_system_that_peeks_is_also_trained_with_a_tenth_for_validation():
    honest = plan("codered-final")[HONEST].config.training
    assert (honest.validation, honest.validation_share) == ("share", 0.1)
    assert plan("codered-final")[PUBLISHED].config.training.peeks
    assert HONEST not in plan("team4-ann")


def test_each_remedy_changes_one_thing_of_the_base_network():
    found = plan(REMEDIES)
    base = found[HONEST].config
    layers = {name: variant.config.model.layers for name, variant in found.items()}
    assert [layer for layer in layers["dropout"] if not isinstance(layer, Dropout)] == list(base.model.layers)
    assert sum(isinstance(layer, Dropout) for layer in layers["dropout"]) == 4
    assert [layer for layer in layers["batch norm"] if not isinstance(layer, BatchNorm)] == list(base.model.layers)
    changed = {"augmentation": "augmentation", "early stopping": "early_stopping", "weight decay": "weight_decay"}
    changed[NOISE] = "label_noise"
    for name, setting in changed.items():
        training = found[name].config.training
        assert found[name].config.model == base.model
        assert [key for key, value in training if value != getattr(base.training, key)] == [setting]


@pytest.mark.parametrize("system", [system for system in SYSTEMS if system.alternatives])
def test_another_value_is_trained_once_and_changes_one_thing(system):
    found = plan(system.id)
    base = found[PUBLISHED].config
    for name in system.alternatives:
        assert found[name].seeds == 1
        other = found[name].config
        changed = [key for key, value in other.training if value != getattr(base.training, key)]
        assert len(changed) + (other.model != base.model) == 1
        kinds = [[type(layer) for layer in each.model.layers] for each in (other, base)]
        assert kinds[0] == kinds[1]


def test_an_unknown_system_is_refused_with_the_names_there_are():
    with pytest.raises(ConfigError, match=r"'codered'.*codered-base.*densenet"):
        plan("codered")


def test_a_training_keeps_every_epoch_and_the_matrix_of_the_last(tiny, drawn, small):
    training = train_one(tiny, drawn, seed=0, epochs=8)
    assert training.seed == 0
    assert training.precision == "fp32"
    assert len(training.epochs) == 8
    assert training.kept == 7
    matrix = np.array(training.confusion)
    assert matrix.sum() == len(drawn.test)
    assert training.result.test_accuracy == pytest.approx(matrix.trace() / matrix.sum())
    assert training.result.seen_accuracy > 0.3
    assert training.result.validation_accuracy is not None
    assert training.seconds > 0
    assert training.command == "a command"


def test_where_the_test_set_serves_for_validation_no_other_figure_is_kept(tiny, drawn, small):
    epoch = train_one(tiny, drawn, validation="test").result
    assert epoch.validation_accuracy is None
    assert epoch.validation_loss is None


def test_the_look_at_the_test_set_changes_nothing(tiny, drawn, small):
    from fmexplore.training.config import Execution
    from fmexplore.training.loop import train

    config = shortened(tiny)
    *_, end = train(config.model, config.training, drawn, Execution())
    assert train_again(config, drawn, "").result.test_accuracy == pytest.approx(end.test_accuracy, abs=1e-5)


@pytest.mark.parametrize("monitor", ["loss", "accuracy"])
def test_with_early_stopping_the_figures_are_those_of_the_best_epoch(tiny, drawn, small, monitor):
    stopping = EarlyStopping(monitor=monitor, patience=1)
    config = tiny.replace(
        training=tiny.training.replace(epochs=6, threads=1, learning_rate=0.05, early_stopping=stopping)
    )
    training = train_again(config, drawn, "")
    values = [getattr(epoch, f"validation_{monitor}") for epoch in training.epochs]
    assert training.kept == values.index(min(values) if monitor == "loss" else max(values))
    matrix = np.array(training.confusion)
    assert training.result.test_accuracy == pytest.approx(matrix.trace() / matrix.sum())


def test_what_is_kept_is_read_again_and_no_longer_missing(tiny, drawn, small, tmp_path):
    training = train_one(tiny, drawn)
    before = missing("patel-basic", folder=tmp_path)
    assert [(name, config.training.seed) for name, config in before] == [
        (PUBLISHED, 0),
        (HONEST, 0),
        (PUBLISHED, 1),
        (HONEST, 1),
        (PUBLISHED, 2),
        (HONEST, 2),
    ]
    keep_training("patel-basic", PUBLISHED, training, tmp_path)
    assert read_reproduction("patel-basic", tmp_path).variants[PUBLISHED].trainings == (training,)
    assert missing("patel-basic", folder=tmp_path) == before[1:]
    keep_training("patel-basic", HONEST, training.replace(seed=1), tmp_path)
    keep_training("patel-basic", PUBLISHED, training.replace(seed=2), tmp_path)
    stored = read_reproduction("patel-basic", tmp_path).variants
    assert {name: [each.seed for each in found.trainings] for name, found in stored.items()} == {
        PUBLISHED: [0, 2],
        HONEST: [1],
    }
    assert [config.training.seed for _, config in missing("patel-basic", 1, tmp_path)] == [0]


def test_what_was_trained_with_another_configuration_counts_as_missing(tiny, drawn, small, tmp_path):
    keep_training("patel-basic", PUBLISHED, train_one(tiny, drawn), tmp_path)
    path = tmp_path / "patel-basic.json"
    values = json.loads(path.read_text())
    values["variants"][PUBLISHED]["config"]["training"]["batch_size"] = 64
    path.write_text(json.dumps(values))
    assert (PUBLISHED, 0) in [(name, config.training.seed) for name, config in missing("patel-basic", folder=tmp_path)]
    keep_training("patel-basic", PUBLISHED, train_one(tiny, drawn, seed=1), tmp_path)
    assert [each.seed for each in read_reproduction("patel-basic", tmp_path).variants[PUBLISHED].trainings] == [1]


def test_a_damaged_file_is_reported_by_its_name(tmp_path):
    (tmp_path / "patel-basic.json").write_text('{"system": "patel-basic", "variants": {"published": 3}}')
    with pytest.raises(RunBroken, match=r"patel-basic\.json.*delete it"):
        read_reproduction("patel-basic", tmp_path)


@pytest.mark.parametrize("system", systems())
def test_what_is_shipped_can_be_read_and_fits_its_system(system):
    stored = read_reproduction(system)
    assert stored.system == system
    assert set(stored.variants) <= set(plan(system))
    for name, found in stored.variants.items():
        assert found.config == plan(system)[name].config
        assert all(len(each.epochs) <= found.config.training.epochs for each in found.trainings)
        assert all(np.sum(each.confusion) == 10_000 for each in found.trainings)
    assert PUBLISHED in stored.variants
    if known := stored.robustness:
        assert missing_robustness(system) is None, "it is of the published configuration and the present changes"
        assert {change: len(right) for change, right in known.right.items() if change != "clean"} == {
            name: len(change.amounts) for name, change in CHANGES.items()
        }
        assert abs(known.test_accuracy - stored.variants[PUBLISHED].trainings[0].result.test_accuracy) < 0.02


def test_the_time_of_a_system_is_that_of_the_training_with_least_work_beside_it():
    first = read_reproduction("patel-basic").variants[PUBLISHED].trainings[0]
    busy, quiet = (first.replace(others=others) for others in (0.9, 0.1))
    assert least_disturbed((busy, quiet)) is quiet
