"""Texts to try in the claim checker: one of each format, and what the papers print of their systems."""

from functools import cache
from pathlib import Path

from fmexplore.models import table
from fmexplore.models.layers import describe
from fmexplore.papers.reported import MEASURES, PRINTED, PublishedReport
from fmexplore.training.published import SYSTEMS, System

WORDS = (
    "28x28x1 | conv 32 3x3 valid relu | maxpool 2 | conv 64 3x3 valid relu | maxpool 2 | conv 128 3x3 valid relu | "
    "maxpool 2 | flatten | dense 256 relu | dense 256 relu | dense 512 relu | dense 10 softmax | total 590,346"
)
TEST_IMAGES = 1_000  # of each class, in the test set that the papers used


@cache
def format_examples() -> dict[str, tuple[str, str]]:
    """Texts by the name of their format, each with a claimed accuracy, which may be empty."""
    parts = Path(__file__).with_name("claim_examples.txt").read_text("utf-8").split("=== ")[1:]
    named = (part.partition("\n") for part in parts)
    return {name: (text.rstrip("\n"), "") for name, _, text in named} | {"network in words": (WORDS, "")}


@cache
def paper_examples() -> dict[str, tuple[str, str]]:
    """What the papers print, with a claimed accuracy: three known slips and proofs, then each system."""
    report, matrix = PRINTED["team4-ann"].report, PRINTED["codered-final"].matrix
    assert report is not None
    assert matrix is not None
    known = {
        "CodeRed: a network in words": (WORDS, ""),
        "Team 4: a report and the abstract's 89 %": (_lists(report), "89 %"),
        "CodeRed: a matrix and its accuracy": (_rows(matrix), "91.68 %"),
    }
    return known | {f"{system.id}: what is printed": _of_system(system) for system in SYSTEMS}


def _of_system(system: System) -> tuple[str, str]:
    """The layers of a system with their parameters, then its report and its matrix, where the paper has them."""
    printed = PRINTED[system.id]
    words = " | ".join(describe(layer).replace("_", " ") for layer in system.model.layers)
    parts = [f"{words} | total {table.parameters(table.summarize(system.model)):,}"]
    parts += [_lists(printed.report)] if printed.report else []
    parts += [_rows(printed.matrix)] if printed.matrix else []
    parts += [f"{MEASURES[name]}: {value:g}{'' if 'loss' in name else ' %'}" for name, value in printed.metrics.items()]
    return "\n\n".join(parts), ""


def _lists(report: PublishedReport) -> str:
    named = (("precision", report.precision), ("recall", report.recall), ("f1", report.f1))
    lists = [f"{name:<10}{' '.join(f'{value:.2f}' for value in values)}" for name, values in named]
    return "\n".join([*lists, f"{'support':<10}{' '.join([str(TEST_IMAGES)] * len(report.recall))}"])


def _rows(matrix: tuple[tuple[int, ...], ...]) -> str:
    return "\n".join(" ".join(f"{count:4d}" for count in row) for row in matrix)
