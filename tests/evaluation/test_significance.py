"""What trainings have apart, and whether a difference is real: against scipy, and against what is written by hand."""

import math
import statistics

import numpy as np
import pytest
from scipy.stats import binomtest, chi2

from fmexplore.evaluation.confusion import mcnemar
from fmexplore.evaluation.significance import (
    MOST_LAYERS,
    config_differences,
    correct_holm,
    first_reaching,
    generalisation_gap,
    judge,
    layer_differences,
    say_p,
    seed_groups,
    spreads,
)
from fmexplore.models.layers import Activation, BatchNorm, Conv, Dense, Dropout, GlobalAvgPool
from fmexplore.models.table import Model
from fmexplore.training.config import RunConfig


def network(*layers) -> Model:
    return Model(layers=(*layers, GlobalAvgPool(), Dense(units=10)))


PLAIN = network(Conv(filters=8), Activation(), Conv(filters=16))


def config(model: Model = PLAIN, preset: str = "custom", **training) -> RunConfig:
    return RunConfig(preset=preset, model=model, training=training)


def told(*configs: RunConfig) -> dict:
    return {each.name: each.values for each in config_differences(configs)}


# --- what differs ---


def test_only_what_differs_is_named_with_a_value_of_each():
    found = told(config(epochs=2, learning_rate=0.1), config(epochs=3, learning_rate=0.1), config(epochs=2))
    assert found == {"epochs": (2, 3, 2), "learning_rate": (0.1, 0.1, 0.001)}


def test_alike_configurations_differ_in_nothing():
    assert config_differences([config(seed=3)] * 3) == []


def test_settings_inside_others_have_dotted_names_and_none_where_they_are_not():
    stopping = {"monitor": "accuracy", "patience": 5}
    found = told(config(augmentation={"shift": 2}), config(early_stopping=stopping))
    assert found == {
        "augmentation.shift": (2, 0),
        "early_stopping.monitor": (None, "accuracy"),
        "early_stopping.patience": (None, 5),
    }


def test_presets_and_how_the_network_starts_count_and_the_seed_comes_last():
    model = PLAIN.replace(initialization="he", input_scale="standardized")
    names = list(told(config(preset="one", seed=1), config(model, preset="two", seed=2, weight_decay=0.1)))
    assert names == ["preset", "model.initialization", "model.input_scale", "weight_decay", "seed"]


def test_two_layer_tables_are_told_apart_layer_by_layer():
    wider = network(Conv(filters=8), BatchNorm(), Activation(), Conv(filters=32))
    found = {each.name: each.values for each in layer_differences([PLAIN, wider, PLAIN])}
    assert found == {
        "layer 2": (None, "batch_norm", None),
        "layer 4": ("conv 16 3x3 same", "conv 32 3x3 same", "conv 16 3x3 same"),
    }


@pytest.mark.parametrize(
    ("first", "second", "texts"),
    [
        (Conv(bias=True), Conv(bias=False), ("conv 32 3x3 same: bias True", "conv 32 3x3 same: bias False")),
        (BatchNorm(), BatchNorm(momentum=0.4), ("batch_norm: momentum 0.1", "batch_norm: momentum 0.4")),
        (Dropout(rate=0.2), Dropout(rate=0.5), ("dropout 0.2", "dropout 0.5")),
    ],
)
def test_a_layer_is_told_apart_also_by_what_its_description_leaves_out(first, second, texts):
    (found,) = layer_differences([network(first), network(second)])
    assert found.values == texts


def test_networks_with_little_in_common_are_outlined():
    deep = network(*(Conv(filters=count) for count in range(10, 10 + MOST_LAYERS + 1)))
    third = network(Conv(filters=4))
    (found,) = layer_differences([PLAIN, deep, third])
    assert found.name == "network"
    assert found.values == (
        "5 layers: conv 8-16, dense 10",
        f"{MOST_LAYERS + 3} layers: {MOST_LAYERS + 1} x conv, dense 10",
        "3 layers: conv 4, dense 10",
    )


def test_networks_that_an_outline_does_not_tell_apart_still_differ():
    three = [network(Conv(filters=8), Dropout(rate=rate)) for rate in (0.1, 0.2, 0.3)]
    (found,) = layer_differences(three)
    assert len(set(found.values)) == 3


# --- McNemar ---


@pytest.mark.parametrize(("first", "second"), [(0, 1), (3, 9), (9, 3), (40, 41), (148, 406), (900, 1000), (0, 300)])
def test_mcnemar_is_the_exact_binomial_test_of_scipy(first, second):
    assert mcnemar(first, second) == pytest.approx(binomtest(first, first + second).pvalue, rel=1e-9)


def test_mcnemar_comes_near_the_corrected_chi_squared_where_many_differ():
    first, second = 700, 800
    assert mcnemar(first, second) == pytest.approx(chi2.sf((abs(first - second) - 1) ** 2 / 1500, 1), rel=0.01)


def test_mcnemar_knows_no_difference_and_does_not_overflow():
    assert mcnemar(0, 0) == mcnemar(7, 7) == 1
    assert mcnemar(0, 10_000) == 0


def answers(labels: np.ndarray, wrong: range) -> np.ndarray:
    said = labels.copy()
    said[list(wrong)] = (said[list(wrong)] + 1) % 10
    return said


LABELS = np.arange(1000) % 10


def test_a_verdict_says_how_much_better_the_other_is_and_whether_that_is_luck():
    reference = answers(LABELS, range(100))
    (better, alike) = judge(LABELS, reference, [answers(LABELS, range(50)), answers(LABELS, range(3, 105))])
    assert (better.counts, better.gain, better.real) == ((0, 50), 0.05, True)
    assert better.sentence("old", "new") == "The difference is real: new is better (p < 0.0001)."
    assert (alike.counts, alike.real) == ((5, 3), False)
    assert alike.gain == pytest.approx(-0.002)
    assert alike.sentence("old", "new") == "This difference is what luck gives (p = 0.73)."


def test_the_reference_can_be_the_better_one_and_equals_are_equal():
    reference = answers(LABELS, range(50))
    worse, same = judge(LABELS, reference, [answers(LABELS, range(100)), answers(LABELS, range(50, 100))])
    assert "old is better" in worse.sentence("old", "new")
    assert same.counts == (50, 50)
    assert same.sentence("old", "new") == "They are right equally often."


def test_the_margin_of_a_gain_is_that_of_paired_differences():
    (found,) = judge(LABELS, answers(LABELS, range(100)), [answers(LABELS, range(60, 120))])
    first, second = (answers(LABELS, wrong) == LABELS for wrong in (range(100), range(60, 120)))
    each = second.astype(float) - first
    assert found.margin == pytest.approx(1.959964 * each.std() / math.sqrt(len(each)), rel=1e-6)


def test_several_tests_are_corrected_as_holm_wrote():
    assert correct_holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert correct_holm([0.5, 0.9]) == [1.0, 1.0]
    assert correct_holm([0.02]) == [0.02]
    assert correct_holm([]) == []


def test_a_difference_that_one_test_finds_may_not_survive_five():
    reference = answers(LABELS, range(100))
    lucky, alike = answers(LABELS, range(8, 100)), answers(LABELS, range(1, 101))
    assert judge(LABELS, reference, [lucky])[0].real
    assert not judge(LABELS, reference, [lucky, *[alike] * 9])[0].real


@pytest.mark.parametrize(("value", "text"), [(0.00001, "p < 0.0001"), (0.0234, "p = 0.023"), (1, "p = 1")])
def test_p_values_are_said_shortly(value, text):
    assert say_p(value) == text


# --- seeds, gap, curves ---


def test_runs_that_differ_in_nothing_but_their_seed_are_a_group():
    configs = [config(seed=1), config(epochs=3), config(seed=2, preset="other-name"), config(seed=3), config(seed=2)]
    assert seed_groups(configs) == [(0, 2, 3)]
    assert seed_groups([config(seed=1), config(seed=1)]) == [], "a repetition is no other seed"
    assert seed_groups([config(seed=1), config(PLAIN.replace(initialization="he"), seed=2)]) == []


def test_the_spread_over_seeds_is_their_mean_and_sample_deviation():
    configs = [config(seed=seed) for seed in range(4)]
    (found,) = spreads(configs, [0.9, None, 0.92, 0.91])
    assert found.members == (0, 2, 3)
    assert (found.mean, found.deviation) == pytest.approx((0.91, statistics.stdev([0.9, 0.92, 0.91])))
    assert spreads(configs, [0.9, None, None, None]) == []


def test_the_gap_has_the_interval_of_a_difference_of_two_shares():
    gap, margin = generalisation_gap((0.96, 54_000), (0.92, 6000))
    assert gap == pytest.approx(0.04)
    assert margin == pytest.approx(1.96 * math.sqrt(0.96 * 0.04 / 54_000 + 0.92 * 0.08 / 6000), rel=1e-4)


def test_the_highest_level_that_all_curves_reach_is_found_with_its_places():
    curves = [[[1, 0.5], [2, 0.9], [3, 0.95]], [[1, 0.6], [4, 0.9004], [5, 0.8]]]
    assert first_reaching(curves) == (0.9, [2, 4])
