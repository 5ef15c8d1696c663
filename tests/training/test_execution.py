"""The choice of precision and threads."""

import pytest
import torch

from fmexplore.errors import ConfigError
from fmexplore.training import execution
from fmexplore.training.execution import choose_execution


def test_choosing_an_execution_respects_what_is_fixed_and_reports_a_rate(tiny):
    for precision, threads in (("fp32", 1), ("bf16", 2)):
        chosen = choose_execution(tiny.model, tiny.training.replace(precision=precision, threads=threads))
        assert (chosen.device, chosen.precision, chosen.threads) == ("cpu", precision, threads)
        assert chosen.images_per_second > 0


def test_choosing_an_execution_leaves_threads_and_random_numbers_as_they_were(tiny):
    threads, numbers = torch.get_num_threads(), torch.get_rng_state()
    chosen = choose_execution(tiny.model, tiny.training.replace(precision="auto", threads=0))
    assert 1 <= chosen.threads <= execution.cores()
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), numbers)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_device_that_is_not_there_is_refused(tiny):
    with pytest.raises(ConfigError, match=r"'cuda'.*choose 'auto' or 'cpu'"):
        choose_execution(tiny.model, tiny.training.replace(device="cuda"))
