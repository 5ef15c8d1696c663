"""What a server allows: each check raises NotAllowed where a request goes beyond a limit of the settings.

A browser without cookies is a new owner at every visit: so what all may do together is limited too.
"""

import math
from collections.abc import Iterable
from contextlib import suppress

from fmexplore.errors import FMExploreError, NotAllowed
from fmexplore.jobs.estimates import estimate_memory, read_speed
from fmexplore.machine import memory_bytes
from fmexplore.models.table import LayerInfo, flops, parameters, summarize
from fmexplore.runs.run import Run
from fmexplore.runs.status import Status
from fmexplore.runs.store import RunStore
from fmexplore.settings import Settings
from fmexplore.training.config import RunConfig

KEPT_MEMORY = 1.2e9  # bytes, for the server and the analyst


def check_owner(settings: Settings, owner: str) -> None:
    """On a hosted server a browser needs a key."""
    if settings.hosted and not owner:
        raise NotAllowed("This browser has no key yet: allow cookies for this page and reload it.")


def check_queue(settings: Settings, owner: str, trainings: Iterable[Status]) -> None:
    """Whether one more of the owner's may wait beside `trainings`."""
    waiting = [status.owner for status in trainings if status.state == "queued"]
    own = waiting.count(owner)
    if settings.max_queued and own >= settings.max_queued:
        raise NotAllowed(
            f"You have {own} runs waiting, and this server allows {settings.max_queued:g}: wait until one of them has "
            "started."
        )
    if settings.max_queued_all and len(waiting) >= settings.max_queued_all:
        raise NotAllowed(
            f"All users together have {len(waiting)} runs waiting, and this server allows {settings.max_queued_all:g}: "
            "try again in a few minutes."
        )


def check_room(store: RunStore, owner: str) -> None:
    """Whether the owner may keep one more run."""
    settings = store.settings
    if settings.max_runs:
        kept = sum(1 for _ in store.owned_by(owner))
        if kept >= settings.max_runs:
            raise NotAllowed(
                f"You keep {kept} runs, and this server keeps {settings.max_runs:g} for each of you: "
                "download and delete one first."
            )
    if settings.max_runs_all and store.count() >= settings.max_runs_all:
        store.empty_trash(older_than=0)
        if (count := store.count()) >= settings.max_runs_all:
            raise NotAllowed(
                f"All users together keep {count} runs, and this server allows {settings.max_runs_all:g}: "
                "delete some of your runs first."
            )


def check_disk(store: RunStore, planned_mb: float = 0) -> None:
    """Whether there is room on the disk beside what the runs that wait or train will leave."""
    limit = store.settings.max_disk_mb
    if not limit:
        return
    planned_mb += sum(map(_unwritten_mb, store.own_runs()))
    if store.disk_mb() + planned_mb >= limit:
        store.empty_trash(older_than=0)
    if (used := store.disk_mb()) + planned_mb >= limit:
        planned = f" and will use {planned_mb:.0f} MB more" if planned_mb >= 1 else ""
        raise NotAllowed(
            f"All runs on this server use {used:.0f} MB{planned}, and this server has room for {limit:g} MB: "
            "delete some of your runs first."
        )


def check_network(settings: Settings, config: RunConfig, rows: list[LayerInfo]) -> None:
    """Whether this machine can train the network with these rows, and answer questions about it while others wait."""
    mflops = flops(rows) / 1e6
    if settings.max_mflops and mflops > settings.max_mflops:
        raise NotAllowed(
            f"This network takes {mflops:,.0f} MFLOPs an image, and this server allows {settings.max_mflops:,g}: "
            "use fewer filters, or pool earlier."
        )
    there = max(0.0, usable_memory(settings) - KEPT_MEMORY) / 1e9
    if (needed := estimate_memory(config, rows, read_speed(settings)) / 1000) > there:
        raise NotAllowed(
            f"This training needs about {needed:.1f} GB of memory, and this machine has {there:.1f} GB for it: "
            "use a smaller batch or a smaller network."
        )


def usable_memory(settings: Settings) -> float:
    """Bytes that all processes together may use."""
    return min(memory_bytes(), 1e6 * (settings.max_memory_mb or math.inf))


def weights_mb(rows: list[LayerInfo]) -> float:
    """What a run of the network with these rows leaves on the disk, at least."""
    return 4 * parameters(rows) / 1e6


def _unwritten_mb(run: Run) -> float:
    with suppress(FMExploreError):
        if run.status.active and not run.has_weights:
            return weights_mb(summarize(run.config.model))
    return 0
