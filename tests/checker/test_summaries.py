"""Summaries as the libraries print them: none is called a contradiction, most layers are recomputed, errors are found.

The networks are drawn at random, of torchvision, and of a stored set that Keras printed; `benchmarks.checker_layers`
tries all of them in all ways.
"""

import gzip
import json
import random
from pathlib import Path

import pytest
import torch

from benchmarks.checker_layers import Printed as PrintedText
from benchmarks.checker_layers import contradicts, plant, recomputed
from benchmarks.summary_networks import SETTINGS, draw, print_torchinfo, print_torchsummary, zoo
from fmexplore.checker.parse_summaries import find_summaries
from fmexplore.checker.text import check_text

HERE = Path(__file__).parent
TRUE = json.loads((HERE / "true_summaries.json").read_text(encoding="utf-8"))
TRAINERS = json.loads(gzip.decompress((HERE / "lightning_summaries.json.gz").read_bytes()))["texts"]
KERAS = json.loads(gzip.decompress((HERE / "keras_summaries.json.gz").read_bytes()))["texts"]
# Of these nothing can be recomputed, only read.
UNKNOWN = {"words dense(10)"}


def problems(text: str) -> list[str]:
    return [finding.text for finding in check_text(text).findings if finding.status == "contradicts"]


def torch_texts(seed: int) -> list[str]:
    """One drawn network, in one of the ways of torchinfo, as PyTorch and as torchsummary print it."""
    model, size, kind = draw(seed)
    model.eval()
    texts = [print_torchinfo(model, size, kind, SETTINGS[seed % len(SETTINGS)]), str(model)]
    if kind == torch.float32:
        texts.append(print_torchsummary(model, size))
    return texts


@pytest.fixture(scope="module")
def drawn() -> list[str]:
    return [text for seed in range(8) for text in torch_texts(seed)]


# No false alarm, and most is recomputed.


@pytest.mark.parametrize("printed", TRUE, ids=[f"{at} {each['about']}" for at, each in enumerate(TRUE)])
def test_a_true_text_is_no_contradiction(printed):
    checked = check_text(printed["text"])
    assert checked.verdict == ("unknown" if printed["about"] in UNKNOWN else "consistent")


def share(texts: list[str]) -> float:
    counts = [recomputed(text) for text in texts]
    return sum(right for right, _ in counts) / sum(layers for _, layers in counts)


def test_what_pytorch_s_libraries_print_is_consistent_and_recomputed(drawn):
    assert [found for text in drawn for found in problems(text)] == []
    assert share(drawn) > 0.9


def test_a_large_network_is_read_whole():
    model = torch.nn.Sequential(*(torch.nn.Linear(3, 3) for _ in range(420)))
    text = print_torchinfo(model, (3,), torch.float32, {})
    assert problems(text) == []
    assert recomputed(text) == (420, 420)


@pytest.mark.parametrize("name", ["squeezenet1_1", "resnet18"])
def test_networks_of_torchvision_are_consistent_and_recomputed(name):
    ((_, model, size),) = zoo([name])
    text = print_torchinfo(model, size, torch.float32, {})
    assert problems(text) == []
    assert share([text]) > 0.9


def test_what_keras_prints_is_consistent_and_recomputed():
    texts = [each["text"] for each in KERAS[::9]]
    assert [found for text in texts for found in problems(text)] == []
    assert share(texts) > 0.9


def test_what_lightning_and_fastai_print_is_consistent():
    for each in TRAINERS[::7]:
        checked = check_text(each["text"])
        assert (each["by"] in forms(each["text"])[0][0], checked.verdict) == (True, "consistent")
    assert share([each["text"] for each in TRAINERS if each["way"].get("example")][:8]) > 0.9


# Single errors.


def test_a_wrong_number_is_found(drawn):
    rng = random.Random(1)
    texts = [PrintedText("drawn", "", text) for text in drawn if "Param #" in text]
    texts += [PrintedText("Keras", "", each["text"]) for each in KERAS[::20]]
    planted = [each for text in texts for each in plant(text, rng) if not each.open_to]
    missed = [each.text for each in planted if not contradicts(each.text)]
    assert len(planted) > 60
    assert len(missed) / len(planted) < 0.05


# What is not printed stays open.

PLAIN = "Layer (type) Output Shape Param #\n"


@pytest.mark.parametrize(
    "rows",
    [
        "c (Conv2D) (None, 222, 222, 64) 1792\np (MaxPooling2D) (None, 111, 111, 64) 0",
        "c (Conv2D) (None, None, None, 8) 80\nc2 (Conv2D) (None, None, None, 4) 292",
        "c (Conv2D) multiple 80\nd (Dense) multiple 170",
        "m (Mystery) (None, 5, 7, 3) 11\nc (Conv2D) (None, 5, 7, 2) 56",
        "c (Conv2D) (None, 32, 26, 26) 320\nb (BatchNormalization) (None, 32, 26, 26) 128",
        "d (Dense) (None, 10) 7 850\nd2 (Dense) (None, 3) 33",
        "a (Conv1D) (None, 98, 8) 32\np (MaxPooling1D) (None, 49, 8) 0\nl (LSTM) (None, 6) 360",
        "t (Conv2DTranspose) (None, 14, 14, 8) 584\nu (UpSampling2D) (None, 28, 28, 8) 0",
    ],
)
def test_sizes_that_are_not_printed_are_any(rows):
    assert problems(PLAIN + rows) == []


@pytest.mark.parametrize(
    ("rows", "found"),
    [
        ("c (Conv2D) (None, 26, 26, 32) 321", "321 parameters, which no number of inputs gives 32 filters"),
        ("f (Flatten) (None, 784) 0\nd (Dense) (None, 10) 7950", "7,950 parameters, but 784 inputs, 10 units"),
        ("r (ReLU) (None, 8, 8, 4) 0\nf (Flatten) (None, 265) 0", "it gives 256 values"),
        ("i (InputLayer) (None, 9) 0\ne (Embedding) (None, 9, 16) 165", "165 parameters"),
        ("i (InputLayer) (None, 28, 28, 1) 0\nc (Conv2D) (None, 27, 25, 8) 80", "3x3 kernels, which cannot turn"),
        ("i (InputLayer) (None, 9, 4) 0\nl (LSTM) (None, 6) 265", "265 parameters"),
    ],
)
def test_what_no_completion_makes_true_is_found(rows, found):
    assert any(found in each for each in problems(PLAIN + rows))


def test_a_row_that_fits_one_neighbour_is_no_contradiction_and_one_that_fits_neither_is():
    rows = ["Conv2d-1 [-1, 8, 26, 26] 80", "ReLU-2 [-1, 8, 26, 26] 0", "MaxPool2d-3 [-1, 8, 13, 13] 0"]
    rows += ["Conv2d-4 [-1, 8, 11, 11] 584", "ReLU-5 [-1, 8, 11, 11] 0"]
    text = PLAIN + "\n".join(rows)
    assert problems(text.replace("Conv2d-4 [-1, 8, 11, 11] 584", "Conv2d-4 [-1, 8, 11, 11] 1160")) == []  # concatenated
    (found,) = check_text(text.replace("ReLU-2 [-1, 8, 26, 26]", "ReLU-2 [-1, 8, 26, 28]")).findings[1:]
    assert found.status == "contradicts"
    assert "8x26x26 would" in found.text
    assert "undo it" in found.proof
    assert found.lines == (2, 1, 3)


# Formats, each by its head.


def forms(text: str) -> list[tuple[str, int]]:
    return [(summary.form, len(summary.layers)) for summary in find_summaries(text.splitlines())]


LIGHTNING = """
  | Name | Type    | Params | Mode
-----------------------------------------
0 | conv | Conv2d  | 320    | train
1 | fc   | Linear  | 7.9 K  | train
-----------------------------------------
8.2 K     Trainable params
0         Non-trainable params
8.2 K     Total params
0.033     Total estimated model params size (MB)
"""
FASTAI = """
Sequential (Input shape: 64 x 1 x 28 x 28)
============================================================================
Layer (type)         Output Shape         Param #    Trainable
============================================================================
                     64 x 8 x 14 x 14
Conv2d                                    72         True
BatchNorm2d                               16         True
ReLU
____________________________________________________________________________
                     64 x 10
Linear                                    810        True

Total params: 898
Total trainable params: 898
Total non-trainable params: 0
"""
MODULE = """
Sequential(
  (0): Conv2d(1, 8, kernel_size=(3, 3), stride=(1, 1), bias=False)
  (1): Sequential(
    (0): BatchNorm2d(8, eps=1e-05, momentum=0.1, affine=True, track_running_stats=True)
    (1): ReLU()
  )
  (2): Conv2d(8, 4, kernel_size=(3, 3), stride=(1, 1))
)
Total parameters: 380
"""


def test_lightning_s_rounded_numbers_allow_its_total():
    assert forms(LIGHTNING) == [("Lightning summary", 2)]
    assert check_text(LIGHTNING).verdict == "consistent"


def test_fastai_s_table_is_read():
    assert forms(FASTAI) == [("fastai summary", 4)]
    assert check_text(FASTAI).verdict == "consistent"
    assert "811 parameters" in problems(FASTAI.replace("810", "811"))[0]


def test_the_parameters_of_a_module_follow_from_its_arguments():
    checked = check_text(MODULE)
    assert checked.verdict == "consistent"
    assert [row[4] for row in checked.tables[0].rows] == ["72", "16", "0", "292"]
    assert any("380 parameters, as printed" in finding.text for finding in checked.findings)
    assert problems(MODULE.replace("Conv2d(8, 4", "Conv2d(16, 4")) != []


def test_parts_of_a_class_of_one_s_own_need_not_follow_each_other():
    text = MODULE.replace("Sequential(\n  (0): Conv2d(1", "Net(\n  (0): Conv2d(1").replace(
        "Conv2d(8, 4", "Conv2d(16, 4"
    )
    assert problems(text) == []
    assert check_text(text).verdict == "unknown"


def test_several_summaries_in_one_text_are_read_each_by_its_reader():
    both = f"{LIGHTNING}\nthen\n{FASTAI}\nand\n{MODULE}\n{KERAS[0]['text']}"
    assert [form for form, _ in forms(both)] == [
        "Lightning summary",
        "fastai summary",
        "PyTorch module",
        "Keras summary",
    ]


@pytest.mark.parametrize("prefix", ["# ", "> ", "INFO ", "\x1b[1m"])
def test_what_stands_before_each_line_is_no_part_of_it(prefix):
    text = "\n".join(
        prefix + line for line in (PLAIN + "f (Flatten) (None, 784) 0\nd (Dense) (None, 10) 7850").splitlines()
    )
    assert check_text(text).verdict == "consistent"


def test_rows_that_are_left_out_leave_the_total_open():
    text = PLAIN + "d (Dense) (None, 10) 7850\n...\nd9 (Dense) (None, 10) 110\nTotal params: 9,000"
    assert problems(text) == []
    assert len(problems(text.replace("...\n", ""))) == 1


@pytest.mark.parametrize("between", ["...", "lstm_2 (LSTM) (None, 60, 64) ~49k", "and then the next part"])
def test_a_row_below_a_line_that_is_no_row_need_not_follow_from_the_one_above(between):
    text = f"{PLAIN}a (Dropout) (None, 60, 128) 0\n{between}\nb (Dropout) (None, 60, 64) 0\nd (Dense) (None, 60, 1) 65"
    assert problems(text) == []
    assert len(problems(text.replace(f"{between}\n", ""))) == 1


def test_a_line_of_words_that_is_not_understood_may_be_a_layer():
    text = "28x28x1\nconv 8 3x3 valid\n{}flatten\ndense 10\ntotal 54,170"
    assert problems(text.format("")) == []
    assert problems(text.format("a layer that halves the map\n")) == []
    assert len(problems(text.format("").replace("54,170", "54,171"))) == 1
    assert problems(text.format("a layer that halves the map\n").replace("54,170", "54,171")) == []


def test_weights_that_were_frozen_after_compiling_count_twice():
    totals = "Total params: 15,700\nTrainable params: 7,850\nNon-trainable params: 7,850"
    assert problems(f"{PLAIN}d (Dense) (None, 10) 7850\n{totals}") == []


@pytest.mark.parametrize("head", ["", "| Layer (type) | Output Shape | Param # |\n"])
def test_tables_with_bars_and_cut_names_are_read(head):
    rows = [
        "|f (Flatten) |(None, 784) | 0 |",
        "|b (BatchNormaliza |(None, 784) | 3136 |",
        "|d (Dense) |(None, 10) | 7850 |",
    ]
    assert check_text(head + "\n".join(rows)).verdict == "consistent"
    assert len(problems(head + "\n".join(rows).replace("3136", "3146"))) == 1


def test_the_page_of_a_notebook_is_read():
    row = (
        '│ <span style="font-weight: bold">dense</span> (<span style="color: #0087ff">Dense</span>) │ (None, 10) │ {} │'
    )
    head = '<pre style="white-space:pre">┃<span> Layer (type) </span>┃ Output Shape ┃ Param # ┃\n'
    assert check_text(head + row.format("7,850")).verdict == "consistent"
    assert len(problems(head + row.format("7,855"))) == 1


def test_above_the_first_row_of_a_table_without_its_head_others_can_be_missing():
    rows = "f (Flatten) (None, 784) 0\nd (Dense) (None, 10) 7850\nTotal params: {}"
    assert problems(rows.format("9,000")) == []
    assert len(problems(PLAIN + rows.format("9,000"))) == 1
    assert len(problems(rows.format("7,000"))) == 1


def test_sizes_and_windows_of_any_length_are_judged_at_once():
    """They would be seen by a test that takes hours."""
    rows = [
        "MaxPool1d-1 [-1, 8, 999999999] 0",
        "MaxPool1d-2 [-1, 8, 99999999] 0",
        "Conv1d-3 [-1, 8, 99999] 64000000008",
    ]
    rows += ["ConvTranspose1d-4 [-1, 8, 99999998] 64000000008", "ReLU-5 [-1, 8, 77] 0"]
    assert check_text(PLAIN + "\n".join(rows)).kinds == ("layer summary",)
