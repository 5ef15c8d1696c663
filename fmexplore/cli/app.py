"""`python -m fmexplore COMMAND`: everything the pages do, scriptable. With --json one object a line on stdout.

Accuracies are fractions, labels 0 to 9. Exit codes: 0 done, 1 done with errors, 2 bad input (one line on stderr).
"""

import io
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from fmexplore.analysis.shipping import keep_predictions
from fmexplore.cli.inside import commands as inside_commands
from fmexplore.cli.papers import commands as paper_commands
from fmexplore.cli.photos import commands as photo_commands
from fmexplore.cli.predict import commands as predict_commands
from fmexplore.cli.robustness import commands as robustness_commands
from fmexplore.cli.runs import commands as run_commands
from fmexplore.cli.terminal import AsJson, RunName, print_json, show_bar
from fmexplore.cli.training import commands as training_commands
from fmexplore.cli.tuning import commands as tuning_commands
from fmexplore.data import fashion_mnist
from fmexplore.data.addresses import find_positions
from fmexplore.data.download import fetch
from fmexplore.embeddings.features import LAST, check_layer, ids_of_split
from fmexplore.embeddings.projection import ProjectionConfig
from fmexplore.errors import ConfigError, DataError, FMExploreError
from fmexplore.evaluation.confusion import accuracy_interval, class_report, confusion_matrix, report_text
from fmexplore.machine import LOCAL_NAMES, host_names, prepare_process
from fmexplore.models import table as tables
from fmexplore.runs.derived import SPLITS
from fmexplore.runs.store import RunStore
from fmexplore.settings import INSTALLED, PROJECT, read_settings
from fmexplore.storage import write_bytes
from fmexplore.training.presets import presets

app = typer.Typer(
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    help="Explore how a CNN learns Fashion-MNIST.",
)
app.add_typer(training_commands)
app.add_typer(run_commands)
app.add_typer(tuning_commands)
app.add_typer(predict_commands)
app.add_typer(photo_commands)
app.add_typer(robustness_commands)
app.add_typer(paper_commands)
app.add_typer(inside_commands)


def main() -> None:
    """Run the command line and exit with its code."""
    try:
        _refuse_empty(sys.argv[1:])
        completes = {"--install-completion", "--show-completion"} & set(sys.argv)  # what shells complete is one word
        code = app(prog_name="fmexplore" if completes else None, standalone_mode=False)
    except typer.Abort:
        code = 1
    except Exception as error:
        # typer brings its own click, whose errors have no public base class.
        message = error.format_message() if hasattr(error, "format_message") else str(error)
        if not (isinstance(error, FMExploreError) or hasattr(error, "format_message")):
            raise
        print(" ".join(message.split()), file=sys.stderr)
        code = 2
    sys.exit(code or 0)


def _refuse_empty(arguments: list[str]) -> None:
    """A variable of a script that is not set leaves an empty argument, which is never what was meant."""
    for before, each in zip(["fmexplore", *arguments], arguments, strict=False):
        name = each.removesuffix("=") if each.startswith("--") and each.endswith("=") else before
        if not each.strip() or name != before:
            place = name if name.startswith("-") else f"An argument after {name!r}"
            raise ConfigError(f"{place} is empty: give it a value, or leave it out.")


@app.command("app", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def serve(
    context: typer.Context,
    port: Annotated[int | None, typer.Option(help="Default: 8501, or the next one that is free.")] = None,
    address: Annotated[str, typer.Option(help="0.0.0.0 lets other computers in.")] = "127.0.0.1",
) -> None:
    """Serve the app until Ctrl-C. Further options go to `streamlit run`, as in --server.allowedHosts NAME.

    Browsers must call this computer by a name or an address of its own, or one given so: a page from elsewhere could
    lead its own name here.
    """
    command = [sys.executable, "-m", "fmexplore.ui.serve", "run", str(PROJECT / "streamlit_app.py")]
    command += ["--server.address", address, *(["--server.port", str(port)] if port else [])]
    command += ["--server.fileWatcherType", "none"] if INSTALLED else []  # nobody edits those files
    if "STREAMLIT_SERVER_ALLOWED_HOSTS" not in os.environ:  # an option would take its place
        names = LOCAL_NAMES if address in LOCAL_NAMES else host_names()
        command += [part for name in names for part in ("--server.allowedHosts", name)]
    command += context.args
    if os.name != "posix":
        raise typer.Exit(subprocess.call(command))
    os.execv(command[0], command)  # so that Ctrl-C and signals reach the server


@app.command()
def data(as_json: AsJson = False) -> None:
    """Check the data set, and fetch it where it is missing."""
    try:
        folder = fashion_mnist.find_folder()
        images = fashion_mnist.load(folder)
    except DataError:
        folder = fetch(report=_print_share)
        images = fashion_mnist.load(folder)
    found = {"folder": str(folder), "train": len(images.train), "test": len(images.test)}
    _print(
        found, as_json, f"Fashion-MNIST is in {folder}: {found['train']:,} training and {found['test']:,} test images."
    )


@app.command()
def models(as_json: AsJson = False) -> None:
    """List the presets with parameters and FLOPs."""
    rows: list[dict[str, Any]] = []
    for preset in presets().values():
        summary = tables.summarize(preset.model)
        counts = {"parameters": tables.parameters(summary), "flops": tables.flops(summary)}
        rows.append({"id": preset.id, **counts, "source": preset.source})
    if as_json:
        print_json(rows)
        return
    for row in rows:
        print(f"{row['id']:<22}{row['parameters']:>10,} parameters {row['flops'] / 1e6:>7.1f} MFLOPs  {row['source']}")


@app.command()
def evaluate(
    run: RunName,
    split: Annotated[str, typer.Option(help="test, validation or train.")] = "test",
    as_json: AsJson = False,
) -> None:
    """Measure a run's accuracy, with its confusion matrix and report."""
    if split not in SPLITS:
        raise ConfigError(f"--split is {split!r}: choose test, validation or train.")
    found, images = RunStore(read_settings()).find(run), fashion_mnist.load()
    predictions = keep_predictions(found, split, images)
    matrix = confusion_matrix(predictions.labels, predictions.predicted)
    interval = accuracy_interval(int(matrix.trace()), int(matrix.sum()))
    values = {"run": found.id, "split": split, "accuracy": predictions.accuracy, "interval": list(interval)}
    if as_json:
        print_json({**values, "confusion_matrix": matrix.tolist(), "report": class_report(matrix)})
        return
    low, high = interval
    right = f"{predictions.accuracy:.2%} right of {len(predictions):,} {split} images"
    print(f"{found.title}: {right} (95 %: {low:.2%} to {high:.2%})")
    print(report_text(matrix))


@app.command()
def embed(
    run: RunName,
    method: Annotated[str, typer.Option(help="pca, tsne or umap.")] = "umap",
    layer: Annotated[str, typer.Option(help="A number of the layer table, last or pixels.")] = LAST,
    split: Annotated[str, typer.Option(help="test, validation, train or all.")] = "test",
    dimensions: Annotated[int, typer.Option(help="2 or 3.")] = 2,
    sample: Annotated[int, typer.Option(help="How many of the images, 0 for all.")] = 0,
    seed: Annotated[int, typer.Option()] = 0,
    perplexity: Annotated[float | None, typer.Option(help="Of t-SNE: below a third of the images.")] = None,
    neighbours: Annotated[int | None, typer.Option(help="Of UMAP: fewer than there are images.")] = None,
    min_distance: Annotated[float | None, typer.Option(help="Of UMAP, 0 to 1.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="FILE.npz", help="Default: named for what is in it.")] = None,
    as_json: AsJson = False,
) -> None:
    """Compute a map of images by a network's features: coordinates (n, d), labels (n,), index (n,) in an npz file."""
    values = {"method": method, "dimensions": dimensions, "sample": sample, "seed": seed}
    own = {"perplexity": perplexity, "neighbours": neighbours, "min_distance": min_distance}
    config = ProjectionConfig.parse({**values, **{name: value for name, value in own.items() if value is not None}})
    found, images = RunStore(read_settings()).find(run), fashion_mnist.load()
    check_layer(found.config.model, layer)
    path = out or Path(f"{found.id}-{layer}-{split}-{method}-{dimensions}d.npz")
    if path.suffix != ".npz":
        raise ConfigError(f"--out is {str(path)!r}: give it the ending .npz.")
    ids = ids_of_split(images, split, found.config.training.split_config)
    prepare_process(trains=False)
    from fmexplore.analysis.maps import project_images

    started = time.monotonic()
    with show_bar(f"{method} of {layer}", as_json) as task:
        arrays = project_images(task, found, layer, split, config)
    seconds = round(time.monotonic() - started, 2)
    index = arrays["index"].astype(int)
    ids = ids[find_positions(images.addresses.names(split, ids), index)]
    buffer = io.BytesIO()
    np.savez(buffer, coordinates=arrays["coordinates"], labels=images.labels_of(ids), index=index)
    write_bytes(path, buffer.getvalue())
    explained = arrays.get("explained_variance")
    summary = {"file": str(path), "n": len(index), "seconds": seconds}
    text = f"{path}: {len(index):,} images in {dimensions} dimensions, {seconds:.1f} s"
    if explained is not None:
        summary["explained_variance"] = explained.tolist()
        text += f", {explained.sum():.1%} of the variance"
    _print(summary, as_json, text)


def _print(values: dict, as_json: bool, text: str) -> None:
    print_json(values) if as_json else print(text, flush=True)


def _print_share(share: float, text: str) -> None:
    if sys.stderr.isatty():
        print(f"\r{text}: {share:4.0%}", end="", file=sys.stderr, flush=True)
