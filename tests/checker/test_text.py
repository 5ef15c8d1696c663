"""The claim checker: the slips that the papers print, what it refuses, hostile texts, and its command."""

import json
import os
import random
import re
import subprocess
import sys

import numpy as np
import pytest

from fmexplore.checker.results import percent, read_accuracy
from fmexplore.checker.text import MAX_CHARACTERS, Checked, check_text
from fmexplore.data.fashion_mnist import CLASS_NAMES
from fmexplore.errors import ConfigError
from fmexplore.evaluation.confusion import report_text
from fmexplore.settings import PROJECT

# Team CodeRed (2023): the final network as its prose has it, a pool after every convolution, and what it printed.
CODERED = (
    "28x28x1 | conv 32 3x3 valid relu | maxpool 2 | dropout | conv 64 3x3 valid relu | maxpool 2 | dropout | "
    "conv 128 3x3 valid relu | maxpool 2 | flatten | dense 256 relu{} | dropout | dense 256 relu{} | dropout | "
    "dense 512 relu{} | dense 10 softmax{}\ntotal 590,346 parameters"
)
COUNTS = (" 295,168 parameters", " 65,792 parameters", " 131,584 parameters", " 5,130 parameters")
MATRIX = """
845 0 22 23 1 2 102 0 5 0
0 984 0 10 1 0 4 0 1 0
15 0 890 7 32 0 56 0 0 0
8 3 8 931 25 0 24 0 1 0
0 1 51 25 857 0 66 0 0 0
0 0 0 0 0 980 0 11 0 9
87 2 75 21 38 0 769 0 8 0
0 0 0 0 0 5 0 974 0 21
1 0 9 2 2 2 11 3 968 2
0 0 0 0 0 4 0 26 0 970
"""
MATRIX_REPORT = """
precision 0.88 0.99 0.84 0.91 0.90 0.99 0.75 0.96 0.98 0.97
recall    0.84 0.98 0.89 0.93 0.86 0.98 0.77 0.97 0.97 0.97
f1        0.86 0.99 0.87 0.92 0.88 0.98 0.76 0.97 0.98 0.97
"""
# CS637 Team 4: the report of their network without convolutions; the abstract says 89, the text 88.
TEAM4 = {
    "precision": (0.85, 0.99, 0.80, 0.84, 0.78, 0.95, 0.71, 0.91, 0.96, 0.97),
    "recall": (0.79, 0.96, 0.78, 0.91, 0.82, 0.95, 0.69, 0.97, 0.97, 0.91),
    "f1": (0.82, 0.98, 0.79, 0.87, 0.80, 0.95, 0.70, 0.94, 0.97, 0.94),
}
TEAM4_LISTS = "\n".join(f"{name} {' '.join(f'{each:.2f}' for each in values)}" for name, values in TEAM4.items())
TEAM4_REPORT = "precision recall f1-score support\n" + "\n".join(
    f"{name:>12} {p:9.2f} {r:9.2f} {f:9.2f} {1000:9}" for name, p, r, f in zip(CLASS_NAMES, *TEAM4.values())
)
TEAM4_WITH_ACCURACY = f"{TEAM4_REPORT}\n\n    accuracy                     0.88     10000\n"
VENKATESH = """
Layer (type)                 Output Shape              Param #
=================================================================
rescaling (Rescaling)        (None, 28, 28, 1)         0
conv2d (Conv2D)              (None, 28, 28, 16)        169
max_pooling2d (MaxPooling2D) (None, 14, 14, 16)        0
conv2d_1 (Conv2D)            (None, 14, 14, 32)        4640
max_pooling2d_1 (MaxPooling2D) (None, 7, 7, 32)        0
conv2d_2 (Conv2D)            (None, 7, 7, 64)          18496
max_pooling2d_2 (MaxPooling2D) (None, 3, 3, 64)        0
flatten (Flatten)            (None, 576)               0
dense (Dense)                (None, 128)               73856
dense_1 (Dense)              (None, 10)                1290
=================================================================
Total params: 98,442
Trainable params: 98,442
Non-trainable params: 0
"""


def wrong(checked: Checked) -> list[str]:
    return [finding.text for finding in checked.findings if finding.status == "contradicts"]


# The slips of the papers.


def test_codereds_total_fits_only_without_the_pool_after_the_third_convolution():
    found = wrong(check_text(CODERED.format("", "", "", "")))
    assert found == [
        "The layers add up to 328,202 parameters, but the printed total is 590,346.",
        "The total of 590,346 fits only without the pool after the third convolution.",
    ]


def test_so_do_codereds_numbers_of_its_layers():
    found = wrong(check_text(CODERED.format(*COUNTS)))
    assert len(found) == 2
    assert "295,168 parameters, but 128 inputs, 256 units, with bias have 33,024" in found[0]
    assert found[1] == "The total of 590,346 fits only without the pool after the third convolution."


def test_codereds_network_without_that_pool_is_consistent():
    without = CODERED.format(*COUNTS).replace("relu | maxpool 2 | flatten", "relu | flatten (1152)")
    assert without.count("maxpool") == 2
    assert wrong(check_text(without)) == []


def test_a_table_with_that_pool_says_so_too():
    rows = [("conv2d", "Conv2D", "26, 26, 32", 320), ("pool", "MaxPooling2D", "13, 13, 32", 0)]
    rows += [("conv2d_1", "Conv2D", "11, 11, 64", 18496), ("pool_1", "MaxPooling2D", "5, 5, 64", 0)]
    rows += [("conv2d_2", "Conv2D", "3, 3, 128", 73856), ("pool_2", "MaxPooling2D", "1, 1, 128", 0)]
    rows += [("flatten", "Flatten", "128", 0), ("dense", "Dense", "256", 295168), ("dense_1", "Dense", "256", 65792)]
    rows += [("dense_2", "Dense", "512", 131584), ("dense_3", "Dense", "10", 5130)]
    lines = [f"{name} ({kind})  (None, {shape})  {count}" for name, kind, shape, count in rows]
    found = wrong(check_text("\n".join([*lines, "Total params: 590,346"])))
    assert found == [
        "dense has 295,168 parameters, but 128 inputs, 256 units, with bias have 33,024.",
        "The total of 590,346 fits only without the pool after the third convolution.",
    ]


def test_venkateshs_169_parameters_are_a_slip_for_160():
    found = wrong(check_text(VENKATESH))
    assert found == [
        "conv2d has 169 parameters, but 16 filters of 3x3 over 1 channel with bias have 160.",
        "The layers add up to 98,451 parameters, but the printed total is 98,442.",
        "With 160 for conv2d the layers add up to the printed total of 98,442, so 169 is the error.",
    ]
    assert wrong(check_text(VENKATESH.replace("169", "160"))) == []


@pytest.mark.parametrize("claim", ["89", "89 %", "0.89", "89%", 89, 0.89])
def test_team4s_89_percent_cannot_be(claim):
    allowed = "An accuracy of 89 % is impossible: the recalls allow 87.0 to 88.0 %"
    assert wrong(check_text(TEAM4_REPORT, claim)) == [f"{allowed}."]
    assert wrong(check_text(TEAM4_WITH_ACCURACY, claim)) == [
        f"{allowed}; with the accuracy row of 0.88, 87.5 to 88.0 %."
    ]


@pytest.mark.parametrize("text", [TEAM4_REPORT, TEAM4_WITH_ACCURACY])
def test_team4s_88_percent_can_be(text):
    checked = check_text(text, "88")
    assert wrong(checked) == []
    assert checked.findings[-1].text.startswith("An accuracy of 88 % is possible: the recalls allow 87.0 to 88.0 %")


def test_without_supports_an_accuracy_is_impossible_only_outside_of_all_recalls():
    checked = check_text(TEAM4_LISTS, "89 %")
    assert wrong(checked) == []
    assert "would be impossible if all classes are as large" in checked.findings[-1].text
    assert "87.0 to 88.0 %" in checked.findings[-1].text
    assert "the recalls lie between 68.5 % and 97.5 %" in wrong(check_text(TEAM4_LISTS, "99 %"))[0]


def test_87_percent_can_be_by_the_recalls_but_not_beside_an_accuracy_of_88():
    assert wrong(check_text(TEAM4_REPORT, "87")) == []
    found = wrong(check_text(TEAM4_WITH_ACCURACY, "87"))
    assert found == ["An accuracy of 87 % is impossible: the accuracy row has 0.88."]


def test_codereds_matrix_gives_its_report_and_91_68_but_not_90_84():
    both = f"{MATRIX_REPORT}\n{MATRIX}"
    checked = check_text(both, "91.68")
    assert wrong(checked) == []
    assert checked.kinds == ("classification report", "confusion matrix")
    counted = "9,168 of 10,000 images are on the diagonal, an accuracy of 91.68 %"
    assert f"{counted}, as claimed." in [finding.text for finding in checked.findings]
    assert wrong(check_text(both, "90.84")) == [f"{counted}, not the claimed 90.84 %."]


def test_a_text_with_everything_is_checked_part_by_part():
    text = f"{VENKATESH}\n{MATRIX_REPORT}\nTest accuracy: 90.84 %\n{MATRIX}"
    checked = check_text(text)
    assert checked.kinds == ("layer summary", "classification report", "confusion matrix")
    assert len(checked.tables) == 3
    assert [("169" in each, "90.84" in each) for each in wrong(checked)][::3] == [(True, False), (False, True)]


def test_two_summaries_and_two_reports_are_checked_each_by_itself():
    good = VENKATESH.replace("169", "160")
    for model in ('Model: "sequential_1"\n', ""):
        checked = check_text(good + model + good)
        assert (checked.kinds, wrong(checked)) == (("layer summary",) * 2, [])
        assert len(wrong(check_text(good + model + VENKATESH))) == 3
    half = TEAM4_WITH_ACCURACY.replace(" 1000\n", " 500\n").replace(" 1000\n", " 500\n")
    half = half.replace("10000", "5000").replace("0.91      0.94      1000", "0.91      0.94       500")
    checked = check_text(f"{TEAM4_WITH_ACCURACY}\n{half}", "89")
    assert checked.kinds == ("classification report",) * 2
    assert wrong(checked) == []
    assert "several reports" in checked.unchecked[-1]


def test_a_summary_as_a_markdown_table_is_read():
    rows = ["| Layer (type) | Output Shape | Param # |", "|---|---|---|"]
    rows += ["| conv2d (Conv2D) | (None, 26, 26, 32) | 320 |", "| flatten (Flatten) | (None, 21632) | 0 |"]
    assert wrong(check_text("\n".join(rows))) == []
    assert len(wrong(check_text("\r\n".join(rows).replace("320", "330")))) == 1


def test_an_accuracy_of_the_training_is_no_claim_about_the_test():
    assert wrong(check_text(f"train accuracy: 99.28 %\nvalidation accuracy 91.15\n{MATRIX}")) == []
    assert len(wrong(check_text(f"test accuracy: 99.28 %\n{MATRIX}"))) == 1


def test_an_accuracy_beside_a_summary_is_said_to_be_unchecked():
    checked = check_text(VENKATESH.replace("169", "160"), "0.91")
    assert wrong(checked) == []
    assert "A layer summary says nothing about accuracy" in checked.unchecked[-1]


# What was recomputed.


def test_the_table_of_a_summary_has_printed_and_recomputed_values_side_by_side():
    (table,) = check_text(VENKATESH).tables
    assert table.columns == ("layer", "printed shape", "shape", "printed parameters", "parameters", "read as")
    assert table.rows[1][:5] == ("conv2d", "28x28x16", "28x28x16", "169", "160")
    assert "3x3" in table.rows[1][5]
    assert table.rows[7][:3] == ("flatten", "576 values", "576 values")


def test_the_table_of_a_report_has_what_each_figure_can_be():
    (table,) = check_text(TEAM4_REPORT).tables
    first = dict(zip(table.columns, table.rows[0]))
    assert first["class"] == "T-shirt/top"
    assert (first["images right"], first["recall"], first["allowed recall"]) == (
        "785 to 795",
        "0.79",
        "0.7850 to 0.7950",
    )
    assert all(len(row) == len(table.columns) for row in table.rows)


# How an accuracy is printed.


@pytest.mark.parametrize(
    ("said", "low", "high"),
    [
        *(("89", 0.885, 0.895), ("89 %", 0.885, 0.895), ("0.89", 0.885, 0.895), ("91.68", 0.91675, 0.91685)),
        *(
            ("91,7 %", 0.9165, 0.9175),
            (0.9, 0.85, 0.95),
            ("1", 0.5, 1.5),
            ("100", 0.995, 1.005),
            ("0.5 %", 0.0045, 0.0055),
        ),
    ],
)
def test_the_digits_of_an_accuracy_are_its_rounding(said, low, high):
    printed = read_accuracy(said)
    assert (printed.low, printed.high) == pytest.approx((low, high), abs=1e-12)


@pytest.mark.parametrize(
    "said", ["101", "-1", "high", "89 points", "nan", "1e2", "0x1", "8.9.1", "%", "200 %", -0.5, 1000]
)
def test_an_accuracy_that_is_none_is_refused_with_field_value_and_remedy(said):
    with pytest.raises(ConfigError, match=r"accuracy is '.*': give it as it was printed"):
        check_text(MATRIX, said)


def test_an_empty_accuracy_is_no_claim():
    assert check_text(MATRIX, "") == check_text(MATRIX, None)


def test_a_range_that_rounds_to_one_figure_is_one():
    assert percent(0.8749, 0.8751) == "87.5 %"
    assert percent(0.87, 0.88) == "87.0 to 88.0 %"


# Refusals.


@pytest.mark.parametrize(
    "text",
    [
        *("hello", "The quick brown fox jumps over 13 lazy dogs.", "42", "import numpy as np\nprint(1)", "{}", "[[]]"),
        *(
            "We trained a network for 15 epochs and it reached 91 %.",
            "accuracy 0.91",
            "1 2 3",
            "conv",
        ),
        "https://example.com/1/2/3",
    ],
)
def test_a_text_that_is_none_of_these_cannot_be_judged_and_is_told_what_is_understood(text):
    checked = check_text(text)
    assert (checked.verdict, checked.findings) == ("unknown", ())
    told = r"Nothing to check was found.*Keras or torchinfo summary.*confusion matrix"
    assert re.match(told, checked.unchecked[0])


@pytest.mark.parametrize("text", ["", "  \n\t\n"])
def test_an_empty_text_is_refused(text):
    with pytest.raises(ConfigError, match="The text is empty: give a Keras"):
        check_text(text)


def test_a_text_that_is_too_long_is_refused():
    with pytest.raises(ConfigError, match=r"1,048,577 characters: at most 1,048,576 \(1 MB\)"):
        check_text("1 " * (MAX_CHARACTERS // 2) + "1")


def test_binary_data_is_refused():
    with pytest.raises(ConfigError, match="binary"):
        check_text("\x7fELF\0\0")


def test_lists_of_different_lengths_are_refused():
    checked = check_text(TEAM4_LISTS.replace("recall 0.79", "recall"))
    assert checked.verdict == "unknown"
    assert "10 of precision, 9 of recall" in checked.findings[0].text


def _junk(seed: int) -> str:
    rng = random.Random(seed)
    return "".join(rng.choice("0123456789 .,|[](){}\n\t│┃├└─=%:-xconvdenseNonea…") for _ in range(20_000))


HOSTILE = {
    "nested brackets": "[" * 90_000 + "]" * 90_000,
    "open parentheses": "(" * 200_000,
    "a huge number": "9" * 200_000,
    "huge counts": "1 99999999999999999999\n2 3",
    "5,000 rows": "1 2 3 4 5 6 7 8 9 10\n" * 5000,
    "50,000 rows": "1 2\n" * 50_000,
    "4,000 layers": "conv2d (Conv2D)  (None, 26, 26, 32)  320\n" * 4000,
    "layers that fit nothing": "c (Conv2D)  (None, 7777, 7777, 4096)  999999999999\n" * 390,
    "torch layers that fit nothing": "Sequential [1, 10] --\n" + "├─Conv2d: 1-1  [1, 4096, 2600, 2600]  7\n" * 390,
    "layers without a size": "d (DepthwiseConv2D) (None, 28, 28, 0) 7\n" * 3,
    "900 classes": "precision recall f1-score support\n" + "c 0.50 0.50 0.50 199999\n" * 900,
    "classes of billions": "precision recall f1-score support\n" + "c 0.50 0.50 0.50 9999999999\n" * 900,
    "7,000 classes": "precision recall f1-score support\n" + "c 0.50 0.50 0.50 10\n" * 7000,
    "lines of spaces": ("total " + " " * 1900 + "\n") * 100,
    "lines of brackets": ("├─Conv2d: 1-1 " + "[" * 1900 + "\n") * 100,
    "many words": "conv 32 3x3 | " * 14_000,
    "words without a size": "conv 0 0x0 stride 0 | maxpool 0 | dense 0 | flatten (0) | total 0",
    "figures without end": ("a " + "0.5 " * 1200 + "x\n") * 40,
    "other digits": "١٢ ٣\n٤ ²",
    "lone surrogates": "\ud800 1 2\n\x1b[2J 3 4",
    **{f"junk {seed}": _junk(seed) for seed in range(12)},
    **{
        f"bytes {seed}": random.Random(seed).randbytes(20_000).replace(b"\0", b"").decode("latin-1")
        for seed in range(3)
    },
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_text_neither_hangs_nor_crashes(name):
    checked = check_text(HOSTILE[name][:MAX_CHARACTERS])
    assert not any("\x1b" in finding.text for finding in checked.findings)
    assert all(len(text) < 500 for text in checked.unchecked)


def test_cutting_a_text_anywhere_never_crashes():
    text = f"{VENKATESH}\n{TEAM4_WITH_ACCURACY}\n{report_text(np.eye(10, dtype=int))}\n{MATRIX}"
    verdicts = [check_text(part).verdict for cut in range(37, len(text), 37) for part in (text[:cut], text[cut:])]
    assert {*verdicts} > {"contradiction", "consistent"}


# The command.


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "claims.txt"
    path.write_text(MATRIX)
    return path


def test_check_exits_with_0_where_all_holds(call, file):
    code, out, err = call("check", file, "--accuracy", "91.68")
    assert (code, err) == (0, "")
    first, second, *_ = out.splitlines()
    assert first == "Consistent: what could be recomputed agrees."
    told = "agrees: 9,168 of 10,000 images are on the diagonal, an accuracy of 91.68 %, as claimed."
    assert second == f"{told} (lines 2-11)"


def test_check_exits_with_1_and_a_line_for_each_contradiction(call, file):
    file.write_text(VENKATESH)
    code, out, err = call("check", file)
    assert (code, err) == (1, "")
    first, *rest = out.splitlines()
    assert first == "It contradicts itself."
    assert any(line.startswith("contradicts: conv2d has 169 parameters") for line in rest)


def test_check_exits_with_2_where_nothing_can_be_judged(call, file):
    for text in ("hello", "[[5 1]\n [2 7]]", "1 " * 40):
        file.write_text(text)
        code, out, err = call("check", file)
        assert (code, err) == (2, "")
        assert out.startswith("It cannot be judged")
        code, out, _ = call("check", file, "--json")
        assert (code, json.loads(out)["verdict"]) == (2, "unknown")


def test_check_exits_with_2_and_one_line_for_what_is_no_text(call, file, tmp_path):
    binary = tmp_path / "binary"
    binary.write_bytes(bytes(range(256)))
    for arguments in ((tmp_path / "nowhere.txt",), (tmp_path,), (binary,), (file, "--accuracy", "300"), ()):
        code, out, err = call("check", *arguments)
        assert (code, out) == (2, "")
        assert len(err.splitlines()) == 1


def test_check_reads_standard_input(call):
    code, out, _ = call("check", "-", "--accuracy", "89", answer=TEAM4_REPORT)
    assert code == 1
    assert "contradicts: An accuracy of 89 % is impossible: the recalls allow 87.0 to 88.0 %." in out


def test_check_prints_one_json_object(call, file):
    code, out, _ = call("check", file, "--accuracy", "90.84", "--json")
    assert code == 1
    (line,) = out.splitlines()
    values = json.loads(line)
    assert values["kinds"] == ["confusion matrix"]
    assert values["verdict"] == "contradiction"
    assert values["findings"][0]["status"] == "contradicts"
    assert len(values["tables"][0]["rows"]) == 10


def test_check_reads_the_utf_16_of_a_windows_shell(call, file):
    file.write_text(VENKATESH, encoding="utf-16")
    assert call("check", file)[0] == 1


def test_check_is_a_command_of_the_module_and_a_name_that_the_terminal_cannot_show_is_no_contradiction(file):
    file.write_text("Model Precision Recall F1\nmüsli 0.83 0.75 0.73\nb 1.00 0.50 0.67", "utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "fmexplore", "check", str(file)],
        cwd=PROJECT,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert r"m\xfcsli: the F1 is not that of the printed precision and recall" in done.stdout


def test_standard_input_is_decoded_as_files_are(call):
    code, _, error = call("check", "-", answer=b"\xff\xfa\x00")
    assert (code, error.count("\n")) == (2, 1)
    assert "Standard input is not text" in error
