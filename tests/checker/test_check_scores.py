"""Reports and confusion matrices: whatever was counted gives no false alarm, and one changed number is found.

What holds for every matrix is tried on those that hypothesis draws; a changed number, on a few typical networks.
"""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import classification_report

from fmexplore.checker.text import Checked, check_text
from fmexplore.data.fashion_mnist import CLASS_NAMES

a_few = pytest.mark.parametrize("seed", range(3))
# The same every time, and as long as it takes on a busy machine.
drawn = settings(max_examples=25, derandomize=True, deadline=None, database=None)


def draw_matrix(seed: int, each: int | None = 1000) -> np.ndarray:
    """Counts of a network that is right in about two thirds to nine tenths; of `each` images a class, or of any."""
    rng = np.random.default_rng(seed)
    rows = []
    for label in range(10):
        chances = rng.dirichlet(np.full(10, 0.3)) * rng.uniform(0.1, 0.35)
        chances[label] += 1 - chances.sum()
        rows.append(rng.multinomial(each or rng.integers(3, 400), chances))
    return np.array(rows)


seeds = st.integers(0, 2**32 - 1)
of_the_test_set = seeds.map(draw_matrix)
networks = seeds.map(lambda seed: draw_matrix(seed, 1000 if seed % 2 else None))
counts = st.one_of(st.integers(0, 9), st.integers(0, 400))
squares = st.lists(st.lists(counts, min_size=10, max_size=10), min_size=10, max_size=10).map(np.array)
any_matrix = st.one_of(networks, squares.filter(lambda matrix: matrix.sum() > 0))


def labels_of(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    true, predicted = np.indices(matrix.shape)
    return np.repeat(true.ravel(), matrix.ravel()), np.repeat(predicted.ravel(), matrix.ravel())


def print_report(matrix: np.ndarray, digits: int = 2, labels: object = None) -> str:
    """scikit-learn's own text."""
    kept = range(10) if labels is None else labels
    names = [CLASS_NAMES[label] for label in kept]
    return str(
        classification_report(*labels_of(matrix), digits=digits, labels=list(kept), target_names=names, zero_division=0)
    )


def print_lists(matrix: np.ndarray) -> str:
    rows = classification_report(*labels_of(matrix), output_dict=True, zero_division=0)
    keys = {"precision": "precision", "recall": "recall", "f1": "f1-score"}
    return "\n".join(
        f"{name} " + " ".join(f"{rows[str(label)][key]:.2f}" for label in range(10)) for name, key in keys.items()
    )


def with_margins(matrix: np.ndarray) -> str:
    frame = pd.DataFrame(matrix, index=CLASS_NAMES, columns=CLASS_NAMES)
    frame["All"] = frame.sum(axis=1)
    frame.loc["All"] = frame.sum()
    return frame.to_string()


MATRICES = {
    "numpy": str,
    "numpy repr": repr,
    "list": lambda matrix: str(matrix.tolist()),
    "rows": lambda matrix: "\n".join(" ".join(map(str, row)) for row in matrix),
    "rows with commas": lambda matrix: "\n".join(", ".join(map(str, row)) for row in matrix),
    "tabs": lambda matrix: "\n".join("\t".join(map(str, row)) for row in matrix),
    "pandas": lambda matrix: pd.DataFrame(matrix).to_string(),
    "pandas with names": lambda matrix: pd.DataFrame(matrix, index=CLASS_NAMES, columns=CLASS_NAMES).to_string(),
    "csv": lambda matrix: pd.DataFrame(matrix, index=CLASS_NAMES, columns=CLASS_NAMES).to_csv(),
    "csv of numbers": lambda matrix: pd.DataFrame(matrix).to_csv(),
    "margins": with_margins,
}
every_form = pytest.mark.parametrize("form", MATRICES)


def wrong(checked: Checked) -> list[str]:
    return [finding.text for finding in checked.findings if finding.status == "contradicts"]


def accuracy_of(matrix: np.ndarray) -> float:
    return matrix.trace() / matrix.sum()


# No false alarm.


@drawn
@given(any_matrix, st.integers(2, 4))
def test_a_report_of_scikit_learn_is_consistent_with_its_accuracy(matrix, digits):
    text = print_report(matrix, digits)
    for claim in (f"{accuracy_of(matrix):.4f}", f"{accuracy_of(matrix):.1%}", f"{100 * accuracy_of(matrix):.0f} %"):
        checked = check_text(text, claim)
        assert wrong(checked) == []
        assert checked.kinds == ("classification report",)
        assert any("accuracy of" in finding.text for finding in checked.findings)


@a_few
def test_a_report_of_a_handful_of_images_and_of_classes_without_any_is_consistent(seed):
    matrix = draw_matrix(seed, 7)
    matrix[seed % 10] = 0
    checked = check_text(print_report(matrix, 2 + seed % 3))
    assert wrong(checked) == []


@drawn
@given(networks, st.sets(st.integers(0, 9), min_size=2, max_size=9))
def test_a_report_of_some_of_the_classes_is_consistent(matrix, labels):
    """scikit-learn then prints a micro average and no accuracy."""
    text = print_report(matrix, labels=sorted(labels))
    assert "micro avg" in text
    assert wrong(check_text(text)) == []


@drawn
@given(of_the_test_set)
def test_lists_of_figures_are_consistent(matrix):
    checked = check_text(print_lists(matrix), f"{accuracy_of(matrix):.2f}")
    assert wrong(checked) == []
    assert checked.kinds == ("classification report",)
    assert "if all classes are as large: with as many images of 1,000" in checked.findings[-1].text
    assert "No supports are printed" in checked.unchecked[0]


@every_form
def test_a_matrix_in_any_print_is_consistent_with_its_accuracy(form):
    for each in (1000, None):
        matrix = draw_matrix(0, each)
        checked = check_text(MATRICES[form](matrix), f"{accuracy_of(matrix):.4f}")
        assert wrong(checked) == []
        assert checked.kinds == ("confusion matrix",)
        assert f"{matrix.trace():,} of {matrix.sum():,} images" in checked.findings[-1].text
        assert [row[1] for row in checked.tables[0].rows] == [f"{count:,}" for count in matrix.sum(1)]


@drawn
@given(networks, st.integers(2, 4), st.sampled_from(list(MATRICES)))
def test_a_matrix_and_its_report_are_consistent(matrix, digits, form):
    checked = check_text(f"{print_report(matrix, digits)}\n{MATRICES[form](matrix)}")
    assert wrong(checked) == []
    assert checked.kinds == ("classification report", "confusion matrix")
    assert any("what the matrix gives" in finding.text for finding in checked.findings)


def test_a_matrix_that_may_have_true_classes_in_columns_leaves_it_open():
    checked = check_text(str(draw_matrix(0).T.tolist()))
    assert (checked.verdict, wrong(checked)) == ("unknown", [])
    assert "suggests that they are the true classes" in checked.unchecked[-1]
    assert "of its row" in checked.tables[0].columns
    said = check_text(str(draw_matrix(0).T.tolist()), rows="predicted")
    assert "recall" in said.tables[0].columns
    assert not any("is not said" in each for each in said.unchecked)


@pytest.mark.parametrize("each", [1000, None])
def test_that_a_matrix_fits_its_report_only_transposed_is_told(each):
    matrix = draw_matrix(0, each)
    checked = check_text(f"{print_report(matrix)}\n{matrix.T.tolist()}")
    assert checked.verdict == "consistent"
    assert any("only transposed: its rows are the predictions" in finding.text for finding in checked.findings)


def test_a_matrix_of_three_classes_and_its_table():
    checked = check_text("cat 5 1 0\ndog 2 7 1\nbird 0 0 4", "0.8")
    assert wrong(checked) == []
    assert checked.tables[0].rows[0] == ("cat", "6", "7", "0.7143", "0.8333", "0.7692")


# One changed number is found.


def change(text: str, line: int, score: int, by: float) -> str:
    """The text with the figure of that number in that line changed, in its own digits."""
    lines = text.splitlines()
    places = list(re.finditer(r"\d\.\d+", lines[line]))
    old = places[score]
    value = float(old[0]) + (by if float(old[0]) + by <= 1 else -by)
    lines[line] = f"{lines[line][: old.start()]}{value:.{len(old[0]) - 2}f}{lines[line][old.end() :]}"
    return "\n".join(lines)


@pytest.mark.parametrize("digits", [2, 3, 4])
@pytest.mark.parametrize("score", range(3))
def test_a_changed_score_of_a_class_is_found(score, digits):
    text = print_report(draw_matrix(3 * score + digits), digits)
    for line in range(2, 12):
        found = wrong(check_text(change(text, line, score, 0.05)))
        assert any(each.startswith(CLASS_NAMES[line - 2]) for each in found)


@a_few
def test_a_changed_accuracy_or_average_is_found(seed):
    text = print_report(draw_matrix(seed))
    row = next(place for place, line in enumerate(text.splitlines()) if "accuracy" in line)
    assert "The accuracy row of" in wrong(check_text(change(text, row, 0, 0.03)))[0]
    for line, name in ((row + 1, "macro avg"), (row + 2, "weighted avg")):
        for score, what in enumerate(("precision", "recall", "f1")):
            found = wrong(check_text(change(text, line, score, 0.03)))
            assert len(found) == 1
            assert found[0].startswith(f"The {name} of {what} is printed as")


@a_few
def test_a_changed_support_is_found(seed):
    text = print_report(draw_matrix(seed, None))
    lines = text.splitlines()
    assert wrong(check_text(text)) == []
    for place in range(2, 12):
        count = int(lines[place].split()[-1])
        changed = re.sub(rf"{count}$", str(count + 37), lines[place])
        found = wrong(check_text("\n".join([*lines[:place], changed, *lines[place + 1 :]])))
        assert any("supports add up to" in each for each in found)


@a_few
def test_a_claim_that_the_recalls_do_not_allow_is_found(seed):
    matrix = draw_matrix(seed)
    for away in (-0.02, 0.02):
        found = wrong(check_text(print_report(matrix), f"{accuracy_of(matrix) + away:.2f}"))
        assert len(found) == 1
        assert "is impossible: the recalls allow" in found[0]


@every_form
def test_a_changed_count_of_a_matrix_is_found(form):
    """By the accuracy; that a class has not 1,000 images is no proof, but told."""
    seed = list(MATRICES).index(form)
    matrix = draw_matrix(seed)
    claim = f"{accuracy_of(matrix):.2%}"
    changed = matrix.copy()
    changed[seed % 10, (seed * 7) % 10] += 30
    checked = check_text(MATRICES[form](changed), claim)
    assert any(
        "but here" in each.text and "has 1,030" in each.text for each in checked.findings if each.status == "note"
    )
    found = wrong(checked)
    assert any(f"not the claimed {claim[:-1]} %" in each for each in found)


@a_few
def test_a_printed_sum_that_is_not_the_sum_is_found(seed):
    matrix = draw_matrix(seed, None)
    text = with_margins(matrix)
    row = seed % 10
    lines = text.splitlines()
    count = int(matrix[row].sum())
    lines[row + 1] = re.sub(rf"{count}$", str(count + 1), lines[row + 1])
    found = wrong(check_text("\n".join(lines)))
    assert found == [f"The row of {CLASS_NAMES[row]} adds up to {count:,}, not to the printed {count + 1:,}."]


@a_few
def test_a_report_of_another_matrix_is_found(seed):
    matrix = draw_matrix(seed)
    other = matrix.copy()
    row = seed % 10
    other[row, row] -= 40
    other[row, (row + 1) % 10] += 40
    found = wrong(check_text(f"{print_report(matrix)}\n{matrix.tolist()}"))
    assert found == []
    found = wrong(check_text(f"{print_report(matrix)}\n{other.tolist()}"))
    assert any(each.startswith(f"{CLASS_NAMES[row]}: the report prints a recall") for each in found)


@pytest.mark.parametrize("text", ["1 2 3\n4 5 6", "[[1, 2, 3], [4, 5], [6, 7, 8]]", "Epoch 1\n10 20\n30 40"])
def test_numbers_that_are_no_confusion_matrix_prove_nothing(text):
    checked = check_text(f"Accuracy: 0.9\n{text}")
    assert (checked.verdict, wrong(checked)) == ("unknown", [])


def test_a_recall_that_no_whole_number_of_images_gives_is_found():
    text = "precision recall f1-score support\ncat 1.00 0.30 0.46 7\ndog 0.50 1.00 0.67 5"
    assert wrong(check_text(text)) == ["cat: no whole number of 7 images gives a recall of 0.30."]


def test_precisions_that_name_more_images_than_there_are_are_found():
    rows = "\n".join(f"{name} 0.50 0.90 0.64 1000" for name in ("cat", "dog", "bird"))
    found = wrong(check_text(f"precision recall f1-score support\n{rows}\naccuracy 0.90 3000"))
    assert len(found) == 1
    assert "images were given a class, but there are 3,000" in found[0]


def test_a_report_as_pandas_prints_it_is_consistent():
    matrix = draw_matrix(3)
    report = classification_report(*labels_of(matrix), output_dict=True, target_names=CLASS_NAMES)
    text = pd.DataFrame(report).T.to_string()
    assert wrong(check_text(text, f"{accuracy_of(matrix):.4f}")) == []
    assert wrong(check_text(text, f"{accuracy_of(matrix) + 0.01:.4f}")) != []


def test_a_report_without_class_names_is_read():
    matrix = draw_matrix(4)
    text = classification_report(*labels_of(matrix))
    checked = check_text(text)
    assert wrong(checked) == []
    assert len(checked.tables[0].rows) == 10
