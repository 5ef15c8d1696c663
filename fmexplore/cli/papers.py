"""The commands about the papers: `reproduce` trains their systems again, `check` recomputes what a text claims."""

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fmexplore.checker.process import check_apart
from fmexplore.checker.results import ranges
from fmexplore.checker.scores import Axis
from fmexplore.checker.text import MAX_CHARACTERS, Checked
from fmexplore.cli.terminal import AsJson, print_json, show_bar
from fmexplore.data import fashion_mnist
from fmexplore.errors import AnalysisFailed, ConfigError
from fmexplore.machine import prepare_process
from fmexplore.papers.claims import assess_claims
from fmexplore.papers.promises import PAPER, assess_promises, measured_systems
from fmexplore.papers.reported import PRINTED
from fmexplore.papers.reproduction import (
    FOLDER,
    PUBLISHED,
    Reproduction,
    keep_robustness,
    keep_training,
    missing,
    plan,
    read_reproduction,
    systems,
    train_again,
)
from fmexplore.papers.robustness import measure_changed, missing_robustness
from fmexplore.robustness.sheet import CLEAN
from fmexplore.textfiles import decode_text

if TYPE_CHECKING:
    from fmexplore.training.progress import Progress

commands = typer.Typer()
NOTHING = "Nothing to do: all of it is stored."
SAID = {
    "consistent": "Consistent: what could be recomputed agrees",
    "contradiction": "It contradicts itself",
    "unknown": "It cannot be judged: nothing that is printed could be recomputed",
}


@commands.command()
def reproduce(
    system: Annotated[str | None, typer.Argument(metavar="SYSTEM", help="`--list` names them.")] = None,
    all_: Annotated[bool, typer.Option("--all", help="Every system, one after another.")] = False,
    seeds: Annotated[
        int | None, typer.Option(min=1, max=100, help="Of each variant. Default: as the plan says.")
    ] = None,
    variant: Annotated[str | None, typer.Option(help="Only this one, as `published`.")] = None,
    robustness: Annotated[
        bool,
        typer.Option(
            "--robustness", help="Train the published networks once more instead, and test them on changed images."
        ),
    ] = False,
    list_: Annotated[bool, typer.Option("--list", help="Say what is still to be trained, and train nothing.")] = False,
    verdicts: Annotated[
        bool, typer.Option("--verdicts", help="Print every claim with its verdict, and train nothing.")
    ] = False,
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the results are kept.")] = FOLDER,
) -> None:
    """Train the papers' systems as published and keep what came out; what is stored already is skipped."""
    if system is None and not (all_ or list_ or verdicts):
        raise ConfigError("SYSTEM is missing: name one, or give --all; --list says which there are.")
    chosen = [system] if system else [*systems()]
    if variant and not any(variant in plan(name) for name in chosen):
        raise ConfigError(f"--variant is {variant!r}: choose one of {', '.join(plan(chosen[0]))}.")
    if verdicts:
        _print_verdicts(chosen, out, promises=system is None)
        return
    if robustness:
        _test_on_changed(chosen, list_, out)
        return
    waiting = [
        (name, each, config) for name in chosen for each, config in missing(name, seeds, out) if variant in (None, each)
    ]
    if list_:
        for name, each, config in waiting:
            print(f"{name:<20} {each:<16} seed {config.training.seed}  {config.training.epochs:g} epochs")
        return
    prepare_process()
    images = fashion_mnist.load()
    for number, (name, each, config) in enumerate(waiting, start=1):
        seed = config.training.seed
        with _follow(f"{name}, {each}, seed {seed} ({number} of {len(waiting)})") as listen:
            training = train_again(config, images, _command(name, each), listen)
        keep_training(name, each, training, out)
        result = training.result
        print(
            f"{name}, {each}, seed {seed}: test {result.test_accuracy:.2%}, training {result.train_accuracy:.2%} as "
            f"frameworks print it, {result.seen_accuracy:.2%} in evaluation mode; {len(training.epochs)} epochs in "
            f"{training.seconds:.0f} s",
            flush=True,
        )
    if not waiting:
        print(NOTHING, file=sys.stderr)


@contextmanager
def _follow(title: str) -> Iterator[Callable[["Progress"], None]]:
    """What to do with each Progress of a training: move a bar on a terminal."""
    with show_bar(title, as_json=False) as bar:
        yield lambda progress: bar.report(progress.step / progress.steps)


def _test_on_changed(chosen: list[str], only_list: bool, folder: Path) -> None:
    """Of the papers' systems, those that are stored are skipped."""
    asked = [name for name in chosen if name in PRINTED]
    if not asked:
        raise ConfigError(f"--robustness is for the papers' own systems: choose one of {', '.join(PRINTED)}.")
    waiting = [(name, config) for name in asked if (config := missing_robustness(name, folder))]
    if only_list:
        for name, config in waiting:
            print(f"{name:<20} {'changed images':<16} seed {config.training.seed}  {config.training.epochs:g} epochs")
        return
    prepare_process()
    images = fashion_mnist.load()
    for number, (name, config) in enumerate(waiting, start=1):
        seed, command = config.training.seed, f"python -m fmexplore reproduce {name} --robustness"
        with _follow(f"{name}, seed {seed} ({number} of {len(waiting)})") as listen:
            found = measure_changed(config, images, command, listen)
        keep_robustness(name, found, folder)
        known = read_reproduction(name, folder).variants.get(PUBLISHED)
        before = [each.result.test_accuracy for each in known.trainings if each.seed == seed] if known else []
        stored = f"; the stored training with this seed has {before[0]:.2%}" if before else ""
        clean = found.right[CLEAN.change][0] / found.images
        print(
            f"{name}, seed {seed}: test {found.test_accuracy:.2%}{stored}; of the first {found.images:,} test images "
            f"{clean:.2%} unchanged",
            flush=True,
        )
    if not waiting:
        print(NOTHING, file=sys.stderr)


def _print_verdicts(chosen: list[str], folder: Path, promises: bool) -> None:
    """A table in Markdown; with `promises`, also those of the paper that has no system of its own."""

    def find(system: str) -> Reproduction:
        return read_reproduction(system, folder)

    found = [(name, claim) for name in chosen if name in PRINTED for claim in assess_claims(find(name), find)]
    if promises:
        found += [(PAPER, claim) for claim in assess_promises(measured_systems(find))]
    print("| system | claim | printed | here | verdict | why |")
    print("|---|---|---|---|---|---|")
    for name, claim in found:
        cells = (name, claim.about, claim.printed, claim.found, claim.verdict, claim.reason)
        print(f"| {' | '.join(cells)} |")


@commands.command()
def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="A text file; - reads standard input.")],
    accuracy: Annotated[str | None, typer.Option(help="What is claimed, as printed: 89, 0.89 or '89 %'.")] = None,
    rows: Annotated[
        Axis | None, typer.Option(help="What the rows of a confusion matrix are, where the text does not say it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Recompute a layer summary, a classification report or a confusion matrix, and name what cannot be true.

    Exit codes: 0 consistent, 1 it contradicts itself, 2 it cannot be judged.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a crash at a name would look like a contradiction
    try:
        checked = check_apart(_read_text(file), accuracy, rows)
    except AnalysisFailed as error:
        checked = Checked((), (), (), (str(error),))
    if as_json:
        print_json({"verdict": checked.verdict, **asdict(checked)})
    else:
        _print_findings(checked)
    raise typer.Exit({"consistent": 0, "contradiction": 1, "unknown": 2}[checked.verdict])


def _print_findings(checked: Checked) -> None:
    """The verdict, each finding with its lines and, where it contradicts, its proof, and what is left open."""
    print(f"{SAID[checked.verdict]}.")
    for finding in checked.findings:
        where = f" (line{'s' * (len(finding.lines) > 1)} {ranges(finding.lines)})" if finding.lines else ""
        print(f"{finding.status}: {finding.text}{where}")
        if finding.proof and finding.status == "contradicts":
            print(f"    {finding.proof}")
    for text in checked.unchecked:
        print(f"unchecked: {text}")


def _read_text(file: str) -> str:
    most = 4 * MAX_CHARACTERS + 4  # bytes: more are too many characters in any case
    if file == "-":
        return decode_text(sys.stdin.buffer.read(most), "Standard input")
    try:
        with Path(file).open("rb") as opened:
            return decode_text(opened.read(most), file)
    except OSError as error:
        raise ConfigError(f"FILE is {file!r}, which cannot be read ({error.strerror}): check its name.") from None


def _command(system: str, variant: str) -> str:
    option = "" if variant == PUBLISHED else f' --variant "{variant}"'
    return f"python -m fmexplore reproduce {system}{option}"
