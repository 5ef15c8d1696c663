"""Which augmentation goes with which change."""

import pytest

from fmexplore.robustness.changes import CHANGES
from fmexplore.training.config import Augmentation, TrainConfig
from fmexplore.training.hardening import REMEDIES, train_against, trained_against


def test_every_change_has_a_remedy_of_its_own():
    assert REMEDIES.keys() == CHANGES.keys()
    assert len({name for name, _ in REMEDIES.values()}) == len(REMEDIES)


@pytest.mark.parametrize("change", CHANGES)
def test_training_against_a_change_adds_its_augmentation_and_nothing_else(change):
    before = TrainConfig(seed=7, augmentation=Augmentation(cutmix=0.5))
    after = train_against(before, change)
    assert trained_against(before) == frozenset()
    assert trained_against(after) == {change}
    assert after.replace(augmentation=before.augmentation) == before
    assert after.augmentation.cutmix == 0.5
