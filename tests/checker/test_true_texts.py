"""Texts about scores, cut down from what tools and people print, none of which contradicts itself."""

import json
from pathlib import Path

import pytest

from fmexplore.checker.text import check_text

TEXTS = json.loads(Path(__file__).with_name("true_scores.json").read_text("utf-8"))
# What is printed beside nothing it could be compared with.
UNKNOWN = ("two mats", "thousands", "thousands md", "np elided", "epochs rows", "trailing text weka md")


@pytest.mark.parametrize("printed", TEXTS, ids=[f"{place} {each['about']}" for place, each in enumerate(TEXTS)])
def test_a_true_text_is_no_contradiction(printed):
    checked = check_text(printed["text"], printed.get("claimed"))
    assert checked.verdict == ("unknown" if printed["about"] in UNKNOWN else "consistent")


# Each with one true text, and what to replace in it so that it contradicts itself.
FORMS = {
    "percent": (
        "| class | precision (%) | recall (%) | f1-score (%) | support |\n|---|---|---|---|---|\n"
        "| **coat** | 66.7 | 100 | 80.0 | 10 |\n| **shirt** | 100 | 50.0 | 66.7 | 10 |",
        ("80.0", "88.0"),
    ),
    "LaTeX": (
        r"Class & Precision & Recall & F1 & Support \\ \hline"
        "\n"
        r"coat & 0.67 & 1.00 & \textbf{0.80} & 10 \\ \hline"
        "\n"
        r"shirt & 1.00 & 0.50 & 0.67 & 10 \\ \hline",
        ("0.80", "0.90"),
    ),
    "one line": (
        "precision recall f1-score support 0 0.67 1.00 0.80 10 1 1.00 0.50 0.67 10 accuracy 0.75 20 "
        "macro avg 0.83 0.75 0.73 20 weighted avg 0.83 0.75 0.73 20",
        ("accuracy 0.75", "accuracy 0.85"),
    ),
    "escaped line breaks": (
        r"'   precision    recall  f1-score   support\n\n  0  0.67  1.00  0.80  10\n  1  1.00  0.50  0.67  10\n'",
        ("0.80", "0.90"),
    ),
    "decimal commas": (
        "class;precision;recall;f1-score;support\ncoat;0,67;1,00;0,80;10\nshirt;1,00;0,50;0,67;10",
        ("0,80", "0,90"),
    ),
    "output_dict": (
        "{'0': {'precision': 0.6666666666666666, 'recall': 1.0, 'f1-score': 0.8, 'support': 10.0}, "
        "'1': {'precision': 1.0, 'recall': 0.5, 'f1-score': 0.6666666666666666, 'support': 10.0}, 'accuracy': 0.75, "
        "'macro avg': {'precision': 0.8333333333333333, 'recall': 0.75, 'f1-score': 0.7333333333333334, "
        "'support': 20.0}}",
        ("'accuracy': 0.75", "'accuracy': 0.85"),
    ),
    "numpy scalars": (
        "{'a': {'precision': np.float64(0.5), 'recall': np.float64(0.5), 'f1-score': np.float64(0.5), "
        "'support': np.float64(4.0)}}",
        ("'f1-score': np.float64(0.5)", "'f1-score': np.float64(0.75)"),
    ),
    "log lines": (
        "2024-01-02 10:00:00,123 INFO   precision recall f1-score support\n"
        "2024-01-02 10:00:00,124 INFO a 0.67 1.00 0.80 10\n2024-01-02 10:00:00,125 INFO b 1.00 0.50 0.67 10\n"
        "2024-01-02 10:00:00,126 INFO accuracy 0.75 20",
        ("accuracy 0.75", "accuracy 0.95"),
    ),
    "supports of weights": (
        "precision recall f1-score support\na 0.67 1.00 0.80 10.5\nb 1.00 0.50 0.67 10.5\naccuracy 0.75 21.0",
        ("21.0", "23.0"),
    ),
    "thousands": (
        "precision recall f1-score support\na 0.67 1.00 0.80 1,000\nb 1.00 0.50 0.67 1,000\naccuracy 0.75 2,000",
        ("2,000", "2,100"),
    ),
    "Weka's table": (
        "TP Rate  FP Rate  Precision  Recall  F-Measure  ROC Area  Class\n"
        "1.000    0.500    0.667      1.000   0.800      0.75      coat\n"
        "0.500    0.000    1.000      0.500   0.667      0.75      shirt\n"
        "Weighted Avg.  0.750  0.250  0.833  0.750  0.733  0.75",
        ("0.800", "0.880"),
    ),
    "caret": (
        "          Reference\nPrediction  a  b\n         a 10  5\n         b  0  5\n\n   Accuracy : 0.75",
        ("Accuracy : 0.75", "Accuracy : 0.85"),
    ),
    "caret in comments": (
        "## Confusion Matrix and Statistics\n##\n##           Reference\n## Prediction    A    B\n"
        "##          A   10    5\n##          B    0    5\n"
        "##\n## Overall Statistics\n##\n##                Accuracy : 0.75\n##  Kappa : 0.5",
        ("Accuracy : 0.75", "Accuracy : 0.85"),
    ),
    "Weka in HTML comments": (
        " * Correctly Classified Instances   15   75 %\n *  a  b   &lt;-- classified as\n * 10  0 |  a = coat\n"
        " *  5  5 |  b = shirt",
        ("75 %", "85 %"),
    ),
    "Weka's matrix": (
        "Correctly Classified Instances   15   75 %\n\n  a  b   <-- classified as\n"
        " 10  0 |  a = coat\n  5  5 |  b = shirt",
        ("75 %", "85 %"),
    ),
    "crosstab": (
        "Predicted   a   b  All\nActual\na          10   0   10\nb           5   5   10\nAll        15   5   20",
        ("   5   20", "   6   20"),
    ),
    "counts in words": ("TP: 5, FP: 0\nFN: 5, TN: 10\nAccuracy: 0.75", ("0.75", "0.85")),
    "shares": (
        "Normalized confusion matrix\n    a    b    c\na 0.90 0.05 0.05\nb 0.10 0.80 0.10\nc 0.00 0.05 0.95",
        ("0.80", "0.40"),
    ),
    "percentages": (
        "Confusion matrix\na 90.0% 5.0% 5.0%\nb 10.0% 80.0% 10.0%\nc 0.0% 5.0% 95.0%",
        ("80.0%", "40.0%"),
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_recomputed_and_one_changed_figure_contradicts(form):
    text, (figure, wrong) = FORMS[form]
    assert check_text(text).verdict == "consistent"
    assert figure in text
    changed = check_text(text.replace(figure, wrong, 1))
    assert changed.verdict == "contradiction"
    assert all(found.proof and found.lines for found in changed.findings if found.status == "contradicts")


LEFT_OPEN = {
    "a matrix of nothing": "Confusion matrix\n[[0.0 0.0]\n [0.0 0.0]]\nAccuracy: 0.5",
    "averages of different kinds": "| Model | Precision | Recall | F1 |\n|---|---|---|---|\n| SVM | 0.7 | 0.9 | 0.9 |",
    "an accuracy of other images": "Train accuracy: 0.99\nTest accuracy: 0.88\nConfusion matrix\n[[99 1]\n [1 99]]",
    "an accuracy of folds": "Accuracy: 0.873 (std 0.02)\nConfusion matrix\n[[45 5]\n [5 45]]",
    "a class is left out": "label precision recall f1-score support\nAGE 0.97 0.98 0.97 3355\n"
    "DATE 0.85 0.97 0.91 2272\naccuracy - - 0.98 140265\n"
    "macro avg 0.92 0.93 0.93 140265\nweighted avg 0.98 0.98 0.98 140265",
    "a mean over folds": "precision recall f1-score support\na 0.67 ± 0.02 1.00 ± 0.00 0.90 ± 0.01 10",
    "rows are models": "Model Precision Recall F1\nSVM 0.83 0.75 0.73\nCNN 0.90 0.80 0.79",
    "a row is missing": "precision recall f1-score support\na 0.67 1.00 0.80 10\n...\naccuracy 0.75 90",
    "an average of no usual kind": "precision recall f1-score support\na 0.67 1.00 0.80 10\nb 1.00 0.50 0.67 10\n"
    "average 0.70 0.70 0.70 20",
    "an accuracy of the training": "Training accuracy: 0.99\n[[14 1]\n [1 14]]",
    "a mean accuracy": "Accuracy: 0.99 (+/- 0.01)\nAccuracy: 0.99 ± 0.01\n[[14 1]\n [1 14]]",
    "two accuracies": "Accuracy: 0.99\nAccuracy: 0.98\n[[14 1]\n [1 14]]",
    "several classes of thousands": "precision recall f1-score support\na 0.67 1.00 0.80 1.000\n"
    "b 1.00 0.50 0.67 1.000\n"
    "accuracy 0.75 20",
    "other images": "precision recall f1-score support\na 0.67 1.00 0.80 10\nb 1.00 0.50 0.67 10\nc 1.00 1.00 1.00 5\n"
    "[[100 3 1]\n [7 90 2]\n [1 1 50]]",
}


@pytest.mark.parametrize("case", LEFT_OPEN)
def test_what_a_text_leaves_open_is_no_contradiction(case):
    assert check_text(LEFT_OPEN[case]).verdict != "contradiction"
