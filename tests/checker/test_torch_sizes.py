"""Sizes of outputs and multiplications as torchinfo and torchsummary print them: a wrong shape contradicts them."""

import pytest

from fmexplore.checker.text import check_text

# Printed by torchinfo 1.8.0; the convolutions do not follow each other, as functions stand between them.
ROWS = """
Layer (type:depth-idx)                   Output Shape              Param #                   Mult-Adds
Functional                               [1, 10]                   --                        --
├─Conv2d: 1-1                            [1, 32, 26, 26]           320                       216,320
├─Conv2d: 1-2                            [1, 64, 10, 10]           51,264                    5,126,400
├─Linear: 1-3                            [1, 10]                   16,010                    16,010
Total params: 67,594
Trainable params: 67,594
Non-trainable params: 0
"""
SIZES = """Total mult-adds (Units.MEGABYTES): 5.36
Input size (MB): 0.00
Forward/backward pass size (MB): 0.22
Params size (MB): 0.27
Estimated Total Size (MB): 0.50
"""
PLAIN = "\n".join(line[:91].rstrip() for line in ROWS.splitlines()) + "\n"
AGAIN = """
Layer (type:depth-idx)                   Output Shape              Param #
Shared                                   [1, 10]                   --
├─Conv2d: 1-1                            [1, 4, 28, 28]            40
├─Conv2d: 1-2                            [1, 4, 28, 28]            148
├─ReLU: 1-3                              [1, 4, 28, 28]            --
├─Conv2d: 1-4                            [1, 4, 28, 28]            (recursive)
├─Linear: 1-5                            [1, 10]                   50
Total params: 238
"""
INSIDE = """
Layer (type:depth-idx)                   Output Shape              Param #
Net                                      [1, 10]                   --
├─Sequential: 1-1                        [1, 6, 20, 20]            --
│    └─Conv2d: 2-1                       [1, 4, 20, 20]            16
│    └─Conv2d: 2-2                       [1, 6, 20, 20]            174
├─Linear: 1-2                            [1, 10]                   70
Total params: 260
"""
SUMMARY = """
        Layer (type)               Output Shape         Param #
            Conv2d-1           [-1, 32, 26, 26]             320
            Conv2d-2           [-1, 64, 10, 10]          51,264
              Linear-3                   [-1, 10]          16,010
Total params: 67,594
Trainable params: 67,594
Non-trainable params: 0
Input size (MB): 0.00
Forward/backward pass size (MB): 0.21
Params size (MB): 0.26
Estimated Total Size (MB): 0.47
"""


def problems(text: str) -> list[str]:
    return [finding.text for finding in check_text(text).findings if finding.status == "contradicts"]


@pytest.mark.parametrize("text", [ROWS, ROWS + SIZES, PLAIN + SIZES, AGAIN, INSIDE, SUMMARY])
def test_what_the_libraries_print_is_consistent(text):
    checked = check_text(text)
    assert problems(text) == []
    assert checked.verdict == "consistent"


def test_printed_sizes_of_outputs_are_recomputed():
    for text in (PLAIN + SIZES, SUMMARY):
        assert any("forward and backward, as printed" in finding.text for finding in check_text(text).findings)


@pytest.mark.parametrize(
    ("text", "old", "new", "found"),
    [
        (ROWS, "32, 26, 26]", "32, 26, 25]", "multiplications and additions, which do not fit"),
        (PLAIN + SIZES, "32, 26, 26]", "32, 31, 26]", "forward and backward, but 0.22 MB are printed"),
        (PLAIN + SIZES, "64, 10, 10]", "64, 10, 11]", "multiplications and additions, but 5.36 million are printed"),
        (PLAIN + SIZES, "Size (MB): 0.50", "Size (MB): 0.59", "sizes add up to 0.49 MB, but 0.59 MB are printed"),
        (
            AGAIN,
            "1-4                            [1, 4",
            "1-4                            [1, 6",
            "is used again, with 6",
        ),
        (
            INSIDE,
            "2-2                       [1, 6, 20, 20]",
            "2-2                       [1, 6, 20, 18]",
            "its last row",
        ),
        (SUMMARY, "32, 26, 26]", "32, 31, 26]", "forward and backward, but 0.21 MB are printed"),
    ],
)
def test_a_wrong_shape_contradicts_what_is_printed_of_sizes(text, old, new, found):
    assert text.count(old) == 1
    assert any(found in each for each in problems(text.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("pass size (MB): 0.22", "pass size (MB): 0.11"),  # in 16 bits, as are the parameters
        ("pass size (MB): 0.22", "pass size (MB): 0.21"),  # megabytes of older versions
        ("pass size (MB): 0.22", "pass size (MB): 0.45"),  # the network is used twice, and its second rows are hidden
        ("Total mult-adds (Units.MEGABYTES): 5.36", "Total mult-adds (M): 5.33"),  # older versions count weights only
    ],
)
def test_other_versions_numbers_and_hidden_rows_make_other_sizes(old, new):
    sizes = "\n".join(line for line in SIZES.replace(old, new).splitlines() if "Estimated" not in line)
    assert new in sizes
    assert problems(PLAIN + sizes) == []


def test_rows_of_modules_that_are_used_again_may_be_left_out():
    """Without numbers of rows nothing tells whether they are."""
    unnumbered = PLAIN.replace(":depth-idx", " (var_name)").replace(": 1-", " (a").replace("  [", ")  [")
    bare = "\n".join(line for line in SIZES.replace("0.22", "0.27").splitlines() if "Estimated" not in line)
    assert any("0.27 MB are printed" in each for each in problems(PLAIN + bare))
    assert not any("0.27 MB are printed" in each for each in problems(unnumbered + bare))


def test_what_is_hidden_below_the_last_depth_leaves_the_sizes_open():
    text = (PLAIN + SIZES).replace("├─Conv2d: 1-2 ", "├─Block: 1-2  ").replace("0.22", "0.90").replace("0.50", "1.17")
    assert problems(text) == []


def test_a_recurrent_layer_puts_out_as_long_a_sequence_as_it_gets():
    rows = ["Embedding-1 [-1, 9, 16] 1600", "RNN-2 [-1, 9, 48] 3168", "LayerNorm-3 [-1, 9, 48] 96"]
    text = "Layer (type) Output Shape Param #\n" + "\n".join(rows)
    assert problems(text) == []
    assert any(
        "RNN-2 is printed with 11x48" in each for each in problems(text.replace("RNN-2 [-1, 9", "RNN-2 [-1, 11"))
    )


def test_a_row_between_a_map_and_a_dense_layer_that_gets_it_pooled_fits_both():
    rows = ["Conv2d-1 [-1, 20, 10, 10] 200", "Dropout2d-2 [-1, 20, 10, 10] 0", "Linear-3 [-1, 50] 25050"]
    text = "Layer (type) Output Shape Param #\n" + "\n".join(rows)
    assert problems(text) == []
    assert len(problems(text.replace("Dropout2d-2 [-1, 20", "Dropout2d-2 [-1, 23"))) == 1
