"""A queue in an empty home."""

import pytest

from fmexplore.jobs.queue import JobQueue
from fmexplore.settings import Settings


@pytest.fixture
def queue(home):
    return JobQueue(Settings(home=home))
