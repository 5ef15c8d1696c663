"""Whose turn it is: the order in which waiting jobs start. Knows no file and no process."""

import time
from collections.abc import Iterable
from pathlib import Path

from fmexplore.runs.status import Status


def fair_order(jobs: Iterable[tuple[Path, Status]]) -> list[Path]:
    """The queued ones: addresses take turns, then the owners at one address, then an owner's runs by age.

    First come those who have waited longest since a start. `jobs` are all that compete for the same places, those that
    run or have ended included. Where no address is known, owners take turns.
    """
    served: dict[str, float] = {}  # when an owner or an address was served last
    queues: dict[tuple[str, str], list[tuple[float, Path]]] = {}
    for folder, status in jobs:
        asker = f"address {status.address}", f"owner {status.owner}"
        if status.state == "queued":
            queues.setdefault(asker, []).append((status.queued, folder))
        if status.started:
            for each in asker:
                served[each] = max(served.get(each, 0), status.started)
    order = []
    for queue in queues.values():
        queue.sort(reverse=True)
    while queues:
        asker = min(queues, key=lambda each: (*(served.get(name, 0) for name in each), queues[each][-1]))
        order.append(queues[asker].pop()[1])
        now = max([time.time(), *served.values()]) + 1  # as if they had just been served
        served |= dict.fromkeys(asker, now)
        if not queues[asker]:
            del queues[asker]
    return order
