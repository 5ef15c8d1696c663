"""Label noise: only a share of the training labels, seeded, and in no other split."""

import numpy as np
import pytest

from fmexplore.data.fashion_mnist import DataSet
from fmexplore.errors import ConfigError
from fmexplore.training.config import Execution, TrainConfig, change_settings
from fmexplore.training.label_noise import redraw_labels
from fmexplore.training.loop import train


def test_a_share_of_the_labels_is_drawn_anew_from_all_classes(drawn):
    noisy = redraw_labels(drawn.train, 0.5, 1)
    changed = noisy.labels != drawn.train.labels
    assert 0.4 < changed.mean() <= 0.5, "one in ten of those drawn anew is right by chance"
    assert set(noisy.labels[changed]) == set(range(10))
    assert noisy.images is drawn.train.images
    assert np.array_equal(redraw_labels(drawn.train, 0.5, 1).labels, noisy.labels)
    assert not np.array_equal(redraw_labels(drawn.train, 0.5, 2).labels, noisy.labels)


def test_without_a_share_the_split_stays_as_it_is(drawn):
    assert redraw_labels(drawn.train, 0, 1) is drawn.train


def test_soft_targets_become_those_of_the_new_labels(drawn):
    soft = type(drawn.train)(drawn.train.images, drawn.train.labels, np.full((640, 10), 0.1, np.float32))
    noisy = redraw_labels(soft, 0.25, 3)
    hard = noisy.targets.max(1) == 1
    assert hard.sum() == 160
    assert np.array_equal(noisy.targets[hard].argmax(1), noisy.labels[hard])


def test_a_training_learns_from_noisy_labels_and_is_measured_by_true_ones(drawn, tiny):
    config = tiny.training.replace(label_noise=0.5)
    run = train(tiny.model, config, DataSet(drawn.train, drawn.test), Execution())
    plain = train(tiny.model, tiny.training, DataSet(drawn.train, drawn.test), Execution())
    assert not np.array_equal(run.training.labels, plain.training.labels)
    assert np.array_equal(run.validation.labels, plain.validation.labels)
    assert run.data.test is drawn.test
    assert np.array_equal(run.targets.numpy(), run.training.labels)


def test_it_is_a_setting_that_is_off_and_old_settings_read_as_before():
    assert TrainConfig().label_noise == 0
    assert change_settings(TrainConfig(), ["label_noise=0.2"]).label_noise == 0.2
    old = TrainConfig().model_dump(mode="json")
    del old["label_noise"]
    assert TrainConfig.parse(old) == TrainConfig()
    with pytest.raises(ConfigError, match=r"label_noise is 1\.5"):
        TrainConfig.parse({"label_noise": 1.5})
