"""What the claim checker finds in reports and matrices: true ones of scikit-learn and pandas, and planted errors.

Prints the tables of docs/checker.md on scores: true texts, none of which may be called a contradiction; single errors
by kind, caught, within the rounding of what is printed, or missed; and how long bytes and mutated texts take.

    python -m benchmarks.checker_scores          # about three minutes; with --quick a tenth
"""

import argparse
import collections
import random
import time
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from sklearn.metrics import classification_report

from fmexplore.checker.text import check_text
from fmexplore.errors import FMExploreError

NAMES = ("cat", "dog", "hen", "cow", "pig", "ant", "bee", "fox", "owl", "eel")
TRUE_TEXTS, FUZZED = 600, 3_000
SLOW_SECONDS = 2.0


def draw_matrix(rng: np.random.Generator) -> np.ndarray:
    """Counts of a network that is mostly right, of two to ten classes of any size."""
    size = int(rng.integers(2, 11))
    rows = []
    for label in range(size):
        chances = rng.dirichlet(np.full(size, 0.4)) * rng.uniform(0.05, 0.5)
        chances[label] += 1 - chances.sum()
        rows.append(rng.multinomial(int(rng.choice([rng.integers(1, 40), rng.integers(40, 2000)])), chances))
    return np.array(rows)


def print_report(matrix: np.ndarray, digits: int = 2) -> str:
    """scikit-learn's own text."""
    true, predicted = np.indices(matrix.shape)
    labels = np.repeat(true.ravel(), matrix.ravel()), np.repeat(predicted.ravel(), matrix.ravel())
    names = list(NAMES[: len(matrix)])
    kept = list(range(len(matrix)))
    return str(classification_report(*labels, digits=digits, labels=kept, target_names=names, zero_division=0))


def print_frame(matrix: np.ndarray) -> str:
    """The report as a data frame."""
    true, predicted = np.indices(matrix.shape)
    labels = np.repeat(true.ravel(), matrix.ravel()), np.repeat(predicted.ravel(), matrix.ravel())
    found = classification_report(*labels, output_dict=True, zero_division=0)
    return pd.DataFrame(found).T.to_string()


def print_dictionary(matrix: np.ndarray) -> str:
    """The report as a dictionary."""
    true, predicted = np.indices(matrix.shape)
    labels = np.repeat(true.ravel(), matrix.ravel()), np.repeat(predicted.ravel(), matrix.ravel())
    return str(classification_report(*labels, output_dict=True, zero_division=0))


def print_crosstab(matrix: np.ndarray) -> str:
    """The matrix with its sums, as pandas' crosstab has it."""
    names = list(NAMES[: len(matrix)])
    frame = pd.DataFrame(matrix, index=pd.Index(names, name="Actual"), columns=pd.Index(names, name="Predicted"))
    frame["All"] = frame.sum(axis=1)
    frame.loc["All"] = frame.sum()
    return frame.to_string()


def with_report(matrix: np.ndarray) -> str:
    return f"{print_report(matrix)}\n{matrix}"


def with_accuracy(matrix: np.ndarray) -> str:
    return f"Confusion matrix\n{matrix}\nAccuracy: {matrix.trace() / matrix.sum()}"


FORMS: dict[str, Callable[[np.ndarray], str]] = {
    "report": print_report,
    "report, 4 digits": lambda matrix: print_report(matrix, 4),
    "report as a data frame": print_frame,
    "report as a dictionary": print_dictionary,
    "report and matrix": with_report,
    "report and transposed matrix": lambda matrix: f"{print_report(matrix)}\n{matrix.T}",
    "matrix and accuracy": with_accuracy,
    "crosstab with sums": print_crosstab,
    "shares of rows": lambda matrix: (
        f"confusion matrix\n{np.round(matrix / np.maximum(matrix.sum(1, keepdims=True), 1), 2)}"
    ),
}


def check_true(count: int) -> None:
    """Print how many true texts of each form are consistent, open, or falsely called a contradiction."""
    print("| true texts | texts | consistent | not judged | called a contradiction |\n|---|---|---|---|---|")
    for name, form in FORMS.items():
        found = collections.Counter(
            check_text(form(draw_matrix(np.random.default_rng(seed)))).verdict
            for seed in range(max(1, count // len(FORMS)))
        )
        cells = (found.total(), found["consistent"], found["unknown"], found["contradiction"])
        print(f"| {name} | {' | '.join(map(str, cells))} |")


def plant(matrix: np.ndarray, kind: str, rng: random.Random) -> tuple[str, bool]:
    """A text with one error, and whether what is printed is the same, or can be by rounding, without it."""
    lines = print_report(matrix).splitlines()
    row = rng.randrange(len(matrix))
    words = lines[2 + row].split()
    if kind in ("precision", "recall", "F1"):
        place = ("precision", "recall", "F1").index(kind) + 1
        old = float(words[place])
        new = old + rng.choice([-1, 1]) * rng.uniform(0.02, 0.2)
        words[place] = f"{min(1, max(0, new)):.2f}"
        lines[2 + row] = "  ".join(words)
        return "\n".join(lines), f"{old:.2f}" == words[place] or can_be(words)
    if kind == "support":
        words[-1] = str(int(words[-1]) + rng.randint(1, 50))
        lines[2 + row] = "  ".join(words)
        return "\n".join(lines), False
    if kind in ("accuracy", "average"):
        place = next(n for n, line in enumerate(lines) if ("accuracy" if kind == "accuracy" else "macro avg") in line)
        cells = lines[place].split()
        column = 1 if kind == "accuracy" else 2 + rng.randrange(3)
        new = float(cells[column]) + rng.choice([-1, 1]) * rng.uniform(0.02, 0.2)
        cells[column] = f"{min(1, max(0, new)):.2f}"
        same = cells == lines[place].split()
        if kind == "average" and column == 4:  # some take the harmonic mean of the other two averages for it
            precision, recall = float(cells[2]), float(cells[3])
            same = same or abs(2 * precision * recall / max(precision + recall, 0.01) - float(cells[4])) < 0.011
        lines[place] = "  ".join(cells)
        return "\n".join(lines), same
    changed = matrix.copy()
    changed[row, rng.randrange(len(matrix))] += rng.randint(1, 30)
    if kind == "matrix cell beside a report":
        return f"{print_report(matrix)}\n{changed}", print_report(matrix) == print_report(changed)
    if kind == "matrix cell beside an accuracy":
        told = f"{matrix.trace() / matrix.sum():.4f}"
        same = told == f"{changed.trace() / changed.sum():.4f}"
        return f"Confusion matrix\n{changed}\nAccuracy: {told}", same
    text = print_crosstab(matrix).splitlines()
    cells = text[2 + row].split()
    cells[1 + rng.randrange(len(matrix) + 1)] += "1"
    text[2 + row] = "  ".join(cells)
    return "\n".join(text), False


def can_be(words: list[str]) -> bool:
    """Whether any whole numbers of images give the printed figures of a row; by trying all."""
    support = int(words[-1])
    for right in range(support + 1):
        if f"{right / support:.2f}" != words[2]:
            continue
        for predicted in range(right, 20 * support + 20):
            precision = right / predicted if predicted else 0.0
            if f"{precision:.2f}" == words[1] and f"{2 * right / (support + predicted):.2f}" == words[3]:
                return True
    return False


KINDS = (
    *("precision", "recall", "F1", "support", "accuracy", "average"),
    *("matrix cell beside a report", "matrix cell beside an accuracy", "matrix cell beside printed sums"),
)


def check_planted(count: int) -> None:
    """Print how many planted errors of each kind are caught."""
    print("\n| planted error | texts | caught | within rounding | missed |\n|---|---|---|---|---|")
    for kind in KINDS:
        rng = random.Random(kind)
        found = collections.Counter()
        for seed in range(count):
            text, same = plant(draw_matrix(np.random.default_rng(seed)), kind, rng)
            caught = check_text(text).verdict == "contradiction"
            found["caught" if caught else "rounding" if same else "missed"] += 1
        print(f"| {kind} | {count} | {found['caught']} | {found['rounding']} | {found['missed']} |")


def mutated(rng: random.Random) -> str:
    """Bytes as text, or a true text of which parts are cut, doubled, moved or replaced."""
    if rng.random() < 0.2:
        return rng.randbytes(rng.randrange(1, 20_000)).decode("latin-1")
    text = "\n".join(
        form(draw_matrix(np.random.default_rng(rng.randrange(10**6)))) for form in rng.choices([*FORMS.values()], k=2)
    )
    for _ in range(rng.randrange(1, 12)):
        start, end = sorted(rng.randrange(len(text) + 1) for _ in range(2))
        end = min(end, start + 200)
        put = rng.choice(
            ["", text[start:end] * 3, "\n", "…", "9" * 40, "\\n", "│ | & ; ,", "%", "nan", "\x1b[2J", "[[", "'a': {"]
        )
        text = text[:start] + put + text[end:]
    return text


def fuzz(count: int) -> None:
    """Print how long mutated texts take, and how they are judged; an error that is none of ours ends it."""
    rng, found, longest = random.Random(0), collections.Counter(), 0.0
    for _ in range(count):
        text, started = mutated(rng), time.perf_counter()
        try:
            found[check_text(text).verdict] += 1
        except FMExploreError:
            found["refused"] += 1
        longest = max(longest, time.perf_counter() - started)
    told = ", ".join(f"{number} {verdict}" for verdict, number in sorted(found.items()))
    print(
        f"\n{count:,} mutated texts: {told}; none crashed; the longest took {longest:.2f} s (limit {SLOW_SECONDS:g} s)."
    )


def counts(quick: bool) -> Iterator[int]:
    yield from (60, 20, 300) if quick else (TRUE_TEXTS, 200, FUZZED)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    true, planted, fuzzed = counts(parser.parse_args().quick)
    check_true(true)
    check_planted(planted)
    fuzz(fuzzed)
