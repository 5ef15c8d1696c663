"""What a server allows: each check raises NotAllowed where a request goes beyond a limit of the settings.

A browser without cookies is a new owner at every visit: so what all may do together is limited too, and since a
single visitor could use that up, what those at one address may.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress

from fmexplore.errors import FMExploreError, NotAllowed
from fmexplore.jobs.estimates import estimate_memory, read_speed
from fmexplore.machine import memory_bytes
from fmexplore.models.table import LayerInfo, flops, parameters, summarize
from fmexplore.runs.run import Run
from fmexplore.runs.status import Status
from fmexplore.runs.store import RunStore
from fmexplore.runs.studies import count_as_one, study_of
from fmexplore.settings import Settings
from fmexplore.training.config import RunConfig
from fmexplore.training.snapshots import weights_bytes

OWNER_SHARE, ADDRESS_SHARE = 1 / 4, 3 / 4  # of what all together may have
KEPT_MEMORY = 1.2e9  # bytes, for the server and the analyst


def check_owner(settings: Settings, owner: str) -> None:
    """On a hosted server a browser needs a key."""
    if settings.hosted and not owner:
        raise NotAllowed("This browser has no key yet: allow cookies for this page and reload it.")


def check_queue(settings: Settings, owner: str, address: str, trainings: Iterable[Status]) -> None:
    """Whether one more of the owner's may wait beside `trainings`."""
    waiting = [status for status in trainings if status.state == "queued"]
    own = sum(status.owner == owner for status in waiting)
    if settings.max_queued and own >= settings.max_queued:
        raise NotAllowed(
            f"You have {own} runs waiting, and this server allows {settings.max_queued:g}: wait until one of them has "
            "started."
        )
    askers = [(status.owner, status.address) for status in waiting]
    limit, remedy = settings.max_queued_all, "try again in a few minutes"
    _check_all(limit, askers, (owner, address), "have", "runs waiting", remedy)


def check_room(store: RunStore, owner: str, address: str) -> None:
    """Whether the owner may keep one more run."""
    settings = store.settings
    if settings.max_runs:
        kept = count_as_one(store.owned_by(owner))
        if kept >= settings.max_runs:
            raise NotAllowed(
                f"You keep {kept} runs, and this server keeps {settings.max_runs:g} for each of you: "
                "download and delete one first."
            )
    if settings.max_runs_all:
        _try_without_trash(store, lambda: _check_room_of_all(store, owner, address))


def _check_room_of_all(store: RunStore, owner: str, address: str) -> None:
    runs = (*store.own_runs(), *store.trashed_runs())
    askers = [_asker(run) for run in {study_of(run) or run.id: run for run in runs}.values()]  # a study counts as one
    limit, remedy = store.settings.max_runs_all, "delete some of your runs first"
    _check_all(limit, askers, (owner, address), "keep", "runs", remedy)


def _try_without_trash(store: RunStore, check: Callable[[], None]) -> None:
    """Let a check pass, if need be after all that was deleted is gone for good."""
    try:
        check()
    except NotAllowed:
        store.empty_trash(older_than=0)
        check()


def _check_all(
    limit: float | None, askers: Sequence[tuple[str, str]], asker: tuple[str, str], have: str, what: str, remedy: str
) -> None:
    """Whether the asker (owner and address) may have one more beside those of `askers`.

    An owner without any has a place also where the others have used all; but cookies can be forged by the hundred, so
    not beyond twice the limit, nor beyond what one address may have. An address without any always has a place.
    """
    if not limit:
        return
    there, (owner, address) = len(askers), asker
    beside, most = sum(each[1] == address for each in askers), math.ceil(ADDRESS_SHARE * limit)
    if address and beside >= most:
        raise NotAllowed(f"All users of your network {have} {beside} {what}, and this server allows {most}: {remedy}.")
    own = any(each[0] == owner for each in askers)
    if beside and there >= (limit if own else 2 * limit):
        raise NotAllowed(f"All users together {have} {there} {what}, and this server allows {limit:g}: {remedy}.")


def check_disk(store: RunStore, owner: str, address: str, planned_mb: float = 0) -> None:
    """Whether there is room on the disk for one more run, beside what those that wait or train will leave.

    On a hosted server the runs of one owner may use a quarter of all room, and those of one address three quarters; an
    owner's first run may be larger.
    """
    if limit := store.settings.max_disk_mb:
        _try_without_trash(store, lambda: _check_disk(store, owner, address, planned_mb, limit))


def _check_disk(store: RunStore, owner: str, address: str, planned_mb: float, limit: float) -> None:
    waiting_mb = sum(map(_unwritten_mb, store.own_runs()))
    planned = f" and will use {waiting_mb + planned_mb:.0f} MB more" if waiting_mb + planned_mb >= 1 else ""
    if (used := store.disk_mb()) + waiting_mb + planned_mb >= limit:
        raise NotAllowed(
            f"All runs on this server use {used:.0f} MB{planned}, and this server has room for {limit:g} MB: "
            "delete some of your runs first."
        )
    if not store.settings.hosted:
        return
    sizes = [(*_asker(run), store.size_mb(run) + _unwritten_mb(run)) for run in store.own_runs()]
    for who, mine, share in (
        ("Your runs", [mb for one, _, mb in sizes if one == owner], OWNER_SHARE),
        ("The runs of your network", [mb for _, one, mb in sizes if address and one == address], ADDRESS_SHARE),
    ):
        if mine and sum(mine) + planned_mb > share * limit:
            raise NotAllowed(
                f"{who} use {sum(mine):.0f} MB and would use {planned_mb:.0f} MB more, and this server has "
                f"{share * limit:.0f} MB for them: delete some of your runs first."
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


def weights_mb(config: RunConfig, rows: list[LayerInfo]) -> float:
    """What a run leaves on the disk: its weights, and those at its snapshots; `rows` are its network's."""
    count, training = parameters(rows), config.training
    snapshots = 0 if training.validation == "none" else training.snapshots
    return (4 * count + weights_bytes(snapshots, count)) / 1e6


def _asker(run: Run) -> tuple[str, str]:
    """Whose a run is, and from which address it was asked for."""
    with suppress(FMExploreError):
        return run.status.owner, run.status.address
    return "", ""


def _unwritten_mb(run: Run) -> float:
    with suppress(FMExploreError):
        if run.status.active:
            kept = [run.snapshot_weights_path(step).stat().st_size for step in run.snapshot_weights_steps()]
            rows = summarize(run.config.model)
            weights = 4 * parameters(rows) if run.has_weights else 0
            return max(0.0, weights_mb(run.config, rows) - (weights + sum(kept)) / 1e6)
    return 0
