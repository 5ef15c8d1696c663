"""The commands `runs`, `show`, `delete` and `ship`: what is known of runs, and what becomes of them."""

from typing import Annotated

import typer

from fmexplore.analysis.shipping import ship_run
from fmexplore.cli.terminal import AsJson, RunName, accuracies, print_json, show_bar
from fmexplore.errors import ConfigError, FMExploreError
from fmexplore.machine import prepare_process
from fmexplore.models import table as tables
from fmexplore.models.layers import describe
from fmexplore.runs.run import Run
from fmexplore.runs.status import LOCAL_OWNER
from fmexplore.runs.store import RunStore
from fmexplore.settings import read_settings

commands = typer.Typer()


@commands.command()
def runs(
    tag: Annotated[list[str] | None, typer.Option(help="Only runs with this tag; may be given again.")] = None,
    as_json: AsJson = False,
) -> None:
    """List all runs, newest first, shipped ones last."""
    store = RunStore(read_settings())
    rows = []
    for run in [*store.own_runs(), *store.shipped_runs()]:
        if tag and not run.label.has_tags(tag):
            continue
        try:
            rows.append(_row(run))
        except FMExploreError as error:
            rows.append({"run": run.id, "state": "broken", "error": str(error)})
    if as_json:
        print_json(rows)
        return
    if rows:
        print(f"{'run':<40}{'state':<12}{'validation':>10}  name")
    for row in rows:
        reached = row.get("validation_accuracy")
        accuracy = "-" if reached is None else f"{reached:.2%}"
        tags = f"[{', '.join(row['tags'])}]" if row.get("tags") else ""
        print(f"{row['run']:<40}{row['state']:<12}{accuracy:>10}  {' '.join(filter(None, [row.get('name'), tags]))}")
    if not rows:
        tagged = f"No run has {'these tags' if len(tag) > 1 else 'this tag'}: {', '.join(tag)}" if tag else ""
        print(tagged or "No runs yet: python -m fmexplore train")


@commands.command()
def show(run: RunName, as_json: AsJson = False) -> None:
    """Show a run: settings, result and layer table."""
    found = RunStore(read_settings()).find(run)
    summary = tables.summarize(found.config.model)
    if as_json:
        print_json({**_row(found), "config": found.config.model_dump(mode="json")})
        return
    print(f"{found.title}  {found.status.standing}  {accuracies(found)}")
    for row in tables.walk(summary):
        indent = "  " * row.number.count(".")
        shape = "x".join(map(str, row.output))
        print(f"{indent}{row.number:<4} {describe(row.layer):<32} {shape:>12} {row.parameters:>10,}")
    print(f"{tables.parameters(summary):,} parameters, {tables.flops(summary) / 1e6:.1f} MFLOPs an image")
    defaults = type(found.config.training)()
    for name, value in found.config.training:
        marked = "" if value == getattr(defaults, name) else "  *"
        print(f"  {name} = {value.model_dump() if hasattr(value, 'model_dump') else value}{marked}")


@commands.command()
def delete(
    run: RunName, yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False
) -> None:
    """Delete a run; for a day it can be moved back from runs/.trash."""
    store = RunStore(read_settings())
    found = store.find(run)
    store.require_owner(found, LOCAL_OWNER)
    if not yes and not typer.confirm(f"Delete {found.title} ({found.id})?"):
        raise typer.Exit(1)
    store.delete(found, LOCAL_OWNER)
    print(f"Deleted {found.id}; until tomorrow it is in {store.trash}.")


@commands.command()
def ship(
    run: RunName,
    name: Annotated[
        str | None, typer.Argument(help="Its plain name in checkpoints/; a shipped run keeps the one it has.")
    ] = None,
    small: Annotated[
        bool, typer.Option("--small", help="Leave out what can be computed again in half a minute.")
    ] = False,
    snapshot_weights: Annotated[
        bool, typer.Option("--snapshot-weights", help="Take the weights at its snapshots along.")
    ] = False,
    bare: Annotated[
        bool, typer.Option("--bare", help="Leave out maps and neighbours, which are computed when first looked at.")
    ] = False,
) -> None:
    """Copy a finished run to checkpoints/, with all that its pages show but not the features of its snapshots.

    Its weights become float16 where the test accuracy stays the same. A shipped run gets again all that is computed
    from its weights: predictions, maps and the answers to changed images.
    """
    prepare_process()
    store = RunStore(read_settings())
    found = store.find(run)
    if name is None and not found.shipped:
        raise ConfigError(f"{found.id} has no plain name yet: give one after it, as in `ship {found.id} quick`.")
    with show_bar(f"Shipping {found.title}", False) as task:
        path = ship_run(store, found, name or found.id, small, snapshot_weights, task, bare)
    size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
    print(f"Shipped as {path} ({size / 1e6:.1f} MB).")


def _row(run: Run) -> dict:
    status, label = run.status, run.label
    return {
        "run": run.id,
        "name": label.name,
        "tags": list(label.tags),
        "note": label.note,
        "preset": run.config.preset,
        "state": status.standing,
        "shipped": run.shipped,
        "parameters": tables.parameters(tables.summarize(run.config.model)),
        **status.reached.model_dump(exclude={"measured"}),
        "peeks": run.config.training.peeks,
        "error": status.error,
    }
