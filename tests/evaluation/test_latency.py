"""How long predictions take."""

import numpy as np

from fmexplore.evaluation import latency
from fmexplore.evaluation.latency import Latency, time_predictions


def test_times_are_the_median_and_the_middle_half():
    found = Latency(np.array([1.0, 2, 3, 4, 100]), np.array([10.0, 20, 30]))
    assert found.of_one() == (3, 2, 4)
    assert found.of_many(2 * latency.BATCH) == (40, 30, 50)


def test_timing_warms_up_first_and_ends_in_time(monkeypatch):
    asked = []

    def ask(network, images):
        asked.append(len(images))
        return float(len(asked))

    monkeypatch.setattr(latency, "_time", ask)
    told = []
    found = time_predictions(None, np.zeros((10_000, 28, 28), np.uint8), told.append)
    assert asked[: latency.WARM_UP + 1] == [1] * (latency.WARM_UP + 1)
    assert found.one.tolist() == [latency.WARM_UP + 1.0], "the first ones took too long already"
    assert len(found.batches) < 5
    assert told == sorted(told)
    assert max(told) <= 1
