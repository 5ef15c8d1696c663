"""Whose turn it is: the order in which waiting jobs start. Knows no file and no process."""

import time
from collections.abc import Iterable
from pathlib import Path

from fmexplore.runs.status import Status


def fair_order(jobs: Iterable[tuple[Path, Status]]) -> list[Path]:
    """The queued ones: owners take turns, who has waited longest since a start first; each one's by age.

    `jobs` are all that compete for the same places, those that run or have ended included.
    """
    served: dict[str, float] = {}
    queues: dict[str, list[tuple[float, Path]]] = {}
    for folder, status in jobs:
        if status.state == "queued":
            queues.setdefault(status.owner, []).append((status.queued, folder))
        if status.started:
            served[status.owner] = max(served.get(status.owner, 0), status.started)
    order = []
    for queue in queues.values():
        queue.sort(reverse=True)
    while queues:
        owner = min(queues, key=lambda name: (served.get(name, 0), queues[name][-1]))
        order.append(queues[owner].pop()[1])
        served[owner] = max([time.time(), *served.values()]) + 1  # as if it had just been served
        if not queues[owner]:
            del queues[owner]
    return order
