"""Layer summaries: genuine ones and generated ones give no false alarm, and one changed number is found.

That nothing is found where nothing is wrong is tried on networks that hypothesis draws; a changed number, on a few.
"""

import math
import random
import re
from pathlib import Path

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from fmexplore.checker.text import Checked, check_text
from fmexplore.errors import ConfigError
from fmexplore.models.layers import (
    Activation,
    AvgPool,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    Flatten,
    GlobalAvgPool,
    MaxPool,
)
from fmexplore.models.table import LayerInfo, Model, summarize
from fmexplore.training.published import SYSTEMS

GENUINE = sorted(
    (Path(__file__).parents[1] / "files" / "summaries").glob("*.txt")
)  # printed by the libraries themselves
KERAS = {
    Conv: "Conv2D",
    BatchNorm: "BatchNormalization",
    Activation: "Activation",
    MaxPool: "MaxPooling2D",
    AvgPool: "AveragePooling2D",
    GlobalAvgPool: "GlobalAveragePooling2D",
    Dropout: "Dropout",
    Flatten: "Flatten",
    Dense: "Dense",
}
TORCH = {
    **{Conv: "Conv2d", BatchNorm: "BatchNorm2d", Activation: "ReLU", MaxPool: "MaxPool2d", AvgPool: "AvgPool2d"},
    **{GlobalAvgPool: "AdaptiveAvgPool2d", Dropout: "Dropout", Flatten: "Flatten", Dense: "Linear"},
}


def draw_network(seed: int) -> list[LayerInfo]:
    """A random chain of layers, traced by the app's own table."""
    rng = random.Random(seed)
    layers: list = []
    for _ in range(rng.randint(1, 3)):
        bias, kernel = rng.random() < 0.7, rng.choice((1, 3, 5))
        layers.append(
            Conv(filters=rng.choice((8, 12, 16, 32)), kernel=kernel, padding=rng.choice(("same", "valid")), bias=bias)
        )
        layers += [BatchNorm()] if rng.random() < 0.5 else []
        layers += [Activation()]
        layers += [rng.choice((MaxPool, AvgPool))()] if rng.random() < 0.8 else [MaxPool(size=3, stride=2)]
        layers += [Dropout(rate=0.25)] if rng.random() < 0.5 else []
    layers.append(Flatten())
    layers += [Dense(units=rng.choice((32, 84, 128)), bias=rng.random() < 0.8) for _ in range(rng.randint(0, 2))]
    return summarize(Model(layers=(*layers, Dense(units=10))))


@st.composite
def drawn_networks(draw) -> list[LayerInfo]:
    try:
        return draw_network(draw(st.integers(0, 2**32 - 1)))
    except ConfigError:  # its pools are too many for 28 pixels
        reject()


NETWORKS = {system.id: summarize(system.model) for system in SYSTEMS}
A_FEW = {f"drawn-{seed}": draw_network(seed) for seed in range(3)}
A_FEW |= {name: NETWORKS[name] for name in ("patel-final", "team4-cnn", "codered-base")}


def counted(row: LayerInfo, keras: bool) -> int:
    return 2 * row.parameters if keras and isinstance(row.layer, BatchNorm) else row.parameters


def sums(rows: list[LayerInfo], keras: bool) -> tuple[int, int, int]:
    total, trained = sum(counted(row, keras) for row in rows), sum(row.parameters for row in rows)
    return total, trained, total - trained


def keras_cells(rows: list[LayerInfo]) -> list[tuple[str, str, int]]:
    cells = []
    for place, row in enumerate(rows):
        kind = KERAS[type(row.layer)]
        name = re.sub(r"(?<!^)(?=[A-Z][a-z])", "_", kind).lower() + (f"_{place}" if place else "")
        shape = (*row.output[1:], row.output[0]) if len(row.output) == 3 else row.output
        cells.append((f"{name} ({kind})", f"(None, {', '.join(map(str, shape))})", counted(row, True)))
    return cells


def print_keras_2(rows: list[LayerInfo]) -> str:
    lines = [
        'Model: "sequential"',
        "_" * 65,
        " Layer (type)                Output Shape              Param #   ",
        "=" * 65,
    ]
    for name, shape, count in keras_cells(rows):
        lines.append(f" {name[:26]:<28}{shape:<26}{count:<10}")
        lines.append(f" {name[26:]:<64}")
    total, trained, frozen = sums(rows, True)
    lines += [
        "=" * 65,
        f"Total params: {total:,}",
        f"Trainable params: {trained:,}",
        f"Non-trainable params: {frozen:,}",
    ]
    return "\n".join([*lines, "_" * 65])


def print_keras_3(rows: list[LayerInfo]) -> str:
    lines = ['Model: "sequential"', f"┏{'━' * 33}┳{'━' * 24}┳{'━' * 15}┓", "┃ Layer (type) ┃ Output Shape ┃ Param # ┃"]
    for name, shape, count in keras_cells(rows):
        first, _, second = name.partition(" ") if len(name) > 31 else (name, "", "")
        lines += [f"├{'─' * 33}┼{'─' * 24}┼{'─' * 15}┤", f"│ {first:<31} │ {shape:<22} │ {count:>13,} │"]
        lines += [f"│ {second:<31} │ {'':<22} │ {'':>13} │"] if second else []
    total, trained, frozen = sums(rows, True)
    ends = (("Total", total), ("Trainable", trained), ("Non-trainable", frozen))
    return "\n".join([*lines, *(f" {name} params: {count:,} ({count / 256:.2f} KB)" for name, count in ends)])


def print_torchinfo(rows: list[LayerInfo]) -> str:
    lines = ["=" * 90, "Layer (type:depth-idx)                   Output Shape              Param #", "=" * 90]
    lines.append(f"{'Sequential':<41}{'[1, 10]':<26}--")
    for place, row in enumerate(rows, start=1):
        name = f"├─{TORCH[type(row.layer)]}: 1-{place}"
        shape = f"[1, {', '.join(map(str, row.output))}]"
        lines.append(f"{name:<41}{shape:<26}{f'{row.parameters:,}' if row.parameters else '--'}")
    total, trained, frozen = sums(rows, False)
    ends = (f"Total params: {total:,}", f"Trainable params: {trained:,}", f"Non-trainable params: {frozen:,}")
    adds = sum(row.parameters * (math.prod(row.output[1:]) if isinstance(row.layer, Conv) else 1) for row in rows)
    return "\n".join([*lines, "=" * 90, *ends, f"Total mult-adds (Units.MEGABYTES): {adds / 1e6:,.2f}", "=" * 90])


def print_words(rows: list[LayerInfo]) -> str:
    words = []
    for row in rows:
        match row.layer:
            case Conv() as conv:
                bias = "" if conv.bias else " without bias"
                words.append(f"conv {conv.filters} {conv.kernel}x{conv.kernel} {conv.padding} relu{bias}")
            case MaxPool() | AvgPool() as pool:
                stride = f" stride {pool.stride}" if pool.stride else ""
                words.append(f"{'max' if isinstance(pool, MaxPool) else 'avg'}pool {pool.size}{stride}")
            case Dense() as dense:
                words.append(f"dense {dense.units} relu{'' if dense.bias else ' without bias'}")
            case BatchNorm():
                words.append("batchnorm")
            case Flatten():
                words.append(f"flatten ({row.output[0]})")
            case Dropout() as dropout:
                words.append(f"dropout {dropout.rate}")
    return "28x28x1 | " + " | ".join(words) + f"\ntotal {sums(rows, False)[0]:,} parameters"


PRINTERS = {"keras 2": print_keras_2, "keras 3": print_keras_3, "torchinfo": print_torchinfo, "words": print_words}
a_few_networks = pytest.mark.parametrize("network", A_FEW)
every_printer = pytest.mark.parametrize("printer", PRINTERS)


def wrong(checked: Checked) -> list[str]:
    return [finding.text for finding in checked.findings if finding.status == "contradicts"]


# No false alarm.


@pytest.mark.parametrize("path", [path for path in GENUINE if "unbuilt" not in path.stem], ids=lambda path: path.stem)
def test_a_genuine_summary_is_consistent(path):
    checked = check_text(path.read_text(encoding="utf-8"))
    assert wrong(checked) == []
    assert checked.kinds == ("layer summary",)
    assert "as printed" in checked.findings[-1].text


def is_consistent_and_checked(rows: list[LayerInfo], printer: str) -> None:
    checked = check_text(PRINTERS[printer](rows))
    assert wrong(checked) == []
    assert checked.unchecked == ()
    count = len(checked.tables[0].rows)
    assert checked.findings[0].text == f"Shapes and parameters of {count} of {count} layers fit."
    assert printer == "words" or count == len(rows)


@every_printer
def test_a_summary_of_every_paper_s_network_is_consistent_and_all_of_it_is_checked(printer):
    for rows in NETWORKS.values():
        is_consistent_and_checked(rows, printer)


# The same networks every time, and as long as it takes on a busy machine.
@settings(max_examples=50, derandomize=True, deadline=None, database=None)
@given(drawn_networks(), st.sampled_from(list(PRINTERS)))
def test_a_summary_of_any_network_is_consistent_and_all_of_it_is_checked(rows, printer):
    is_consistent_and_checked(rows, printer)


@pytest.mark.parametrize("name", ["keras2_functional", "keras3_functional", "keras3_narrow", "torchinfo_full"])
def test_in_a_summary_that_says_what_each_layer_reads_every_layer_is_checked(name):
    path = next(path for path in GENUINE if path.stem == name)
    checked = check_text(path.read_text(encoding="utf-8"))
    count = len(checked.tables[0].rows)
    assert checked.findings[0].text == f"Shapes and parameters of {count} of {count} layers fit."


def test_a_summary_whose_columns_lost_their_spaces_is_still_read():
    text = print_keras_2(NETWORKS["patel-final"])
    squeezed = "\n".join(" ".join(line.split()) for line in text.splitlines())
    assert wrong(check_text(squeezed)) == []
    assert wrong(check_text(squeezed.replace("18496", "18406"))) != []


def test_layers_that_cannot_be_judged_without_their_inputs_are_named():
    checked = check_text(
        "Layer (type) Output Shape Param #\nlstm (LSTM) (None, 9, 16) 1600\ndense (Dense) (None, 9, 3) 51"
    )
    assert checked.unchecked == ("Not judged, as it is not printed what they get (1 of 2 layers): lstm.",)
    assert checked.verdict == "consistent"


def test_layers_of_unknown_kinds_are_said_to_be_unchecked():
    text = print_keras_3(NETWORKS["patel-basic"]).replace("(Flatten)", "(Mystery)")
    checked = check_text(text)
    assert wrong(checked) == []
    assert checked.unchecked == ("Not recomputed (1 of 4 layers): flatten; of kinds that are not known: Mystery.",)


# One changed number is found.


@pytest.mark.parametrize("printer", ["keras 2", "keras 3", "torchinfo"])
@a_few_networks
def test_a_changed_number_of_parameters_is_found_without_the_totals(network, printer):
    text = PRINTERS[printer](A_FEW[network])
    text = "\n".join(line for line in text.splitlines() if "params:" not in line)
    assert wrong(check_text(text)) == []
    lines = text.splitlines()
    places = [
        place for place, line in enumerate(lines) if re.search(r"[1-9][\d,]*\s*│?\s*$", line) and "," in line[30:]
    ]
    places = [place for place in places if not lines[place].strip(" │").endswith(" 0")]
    for place in places:
        number = re.findall(r"[\d,]+", lines[place])[-1]
        changed = str(int(number.replace(",", "")) + 7)
        head, _, tail = lines[place].rpartition(number)
        found = wrong(check_text("\n".join([*lines[:place], f"{head}{changed}{tail}", *lines[place + 1 :]])))
        assert any(f"{int(changed):,} parameters" in each for each in found), lines[place]
    assert places


@every_printer
@a_few_networks
def test_a_changed_total_is_found(network, printer):
    text = PRINTERS[printer](A_FEW[network])
    number = re.search(r"total(?: params:)? ([\d,]+)", text, re.I)[1]
    changed = f"{int(number.replace(',', '')) + 7:,}"
    found = wrong(check_text(re.sub(r"(total(?: params:)?) [\d,]+", rf"\1 {changed}", text, flags=re.I)))
    assert any(f"printed total is {changed}" in each for each in found)


@pytest.mark.parametrize("printer", ["keras 2", "keras 3", "torchinfo"])
@a_few_networks
def test_a_changed_shape_is_found(network, printer):
    lines = PRINTERS[printer](A_FEW[network]).splitlines()
    shapes = [place for place, line in enumerate(lines) if re.search(r"\d[)\]]\s", line) and "Sequential" not in line]
    assert len(shapes) == len(A_FEW[network])
    for place in shapes:
        if printer == "torchinfo":  # the channels come first
            changed = re.sub(r"\[1, (\d+)", lambda found: f"[1, {int(found[1]) + 3}", lines[place])
        else:
            changed = re.sub(r"(\d+)\)", lambda found: f"{int(found[1]) + 3})", lines[place])
        assert changed != lines[place]
        assert wrong(check_text("\n".join([*lines[:place], changed, *lines[place + 1 :]]))), changed


def test_trainable_and_other_parameters_must_make_the_total():
    text = print_keras_3(NETWORKS["team4-cnn"])
    assert wrong(check_text(text)) == []
    found = wrong(check_text(re.sub(r"( Trainable params: )[\d,]+", r"\g<1>50,000", text)))
    assert found == ["50,000 trainable and 192 other parameters make 50,192, not 50,570."]


def test_the_moving_statistics_of_batch_normalisation_are_never_trained():
    text = print_keras_3(NETWORKS["team4-cnn"])
    text = re.sub(r"( Trainable params: )[\d,]+", r"\g<1>50,570", text)
    found = wrong(check_text(re.sub(r"(Non-trainable params: )[\d,]+", r"\g<1>0", text)))
    assert len(found) == 1
    assert "keeps 192 values that are not trained, but only 0 non-trainable parameters are printed" in found[0]


def test_a_convolution_whose_kernel_cannot_make_the_printed_map_is_named():
    text = print_keras_3(NETWORKS["codered-base"]).replace("(None, 11, 11, 64)", "(None, 10, 10, 64)")
    assert any(
        "18,496 parameters of 3x3 kernels, which cannot turn 13x13x32 into 10x10x64" in each
        for each in wrong(check_text(text))
    )


# Which one change makes a network fit.


@pytest.mark.parametrize(
    ("words", "total", "change"),
    [
        ("conv 32 3x3 same | maxpool 2", 320 + 13 * 13 * 320 + 10, "with 'valid' padding in the first convolution"),
        ("conv 32 3x3 valid | maxpool 2", 32 * 26 + 12 * 12 * 320 + 10, "with 5x5 kernels in the first convolution"),
        ("conv 8 3x3 valid", 80 + 13 * 13 * 80 + 10, "with a pool after the first convolution"),
        ("conv 8 3x3 valid | maxpool 2", 80 + 26 * 26 * 80 + 10, "without the pool after the first convolution"),
        ("conv 8 3x3 valid | maxpool 2", 72 + 13 * 13 * 80 + 10, "without bias in the first convolution"),
    ],
)
def test_the_one_change_that_fits_is_named(words, total, change):
    found = wrong(check_text(f"28x28x1 | {words} | flatten | dense 10 | total {total:,}"))
    assert found[1:] == [f"The total of {total:,} fits only {change}."]


def test_no_change_is_named_where_none_fits():
    found = wrong(check_text("28x28x1 | conv 32 3x3 valid | maxpool 2 | flatten | dense 10 | total 12,345,679"))
    assert len(found) == 1
    assert "printed total is 12,345,679" in found[0]


def test_padding_that_the_words_leave_open_is_that_which_fits():
    for total, padding in ((320 + 13 * 13 * 320 + 10, "valid"), (320 + 14 * 14 * 320 + 10, "same")):
        checked = check_text(f"input 28 x 28 grey | conv 32 3x3 | maxpool 2 | flatten | dense 10\n{total} parameters")
        assert wrong(checked) == []
        assert f"not stated: '{padding}' is taken" in checked.findings[-1].text


def test_layers_of_a_subclassed_keras_model_need_not_follow_each_other():
    """Such a summary has another name, and its layers in the order in which they were made."""
    text = print_keras_2(NETWORKS["patel-final"])
    lines = text.splitlines()
    convs = [place for place, line in enumerate(lines) if "Conv2D" in line]
    lines[convs[0]], lines[convs[1]] = lines[convs[1]], lines[convs[0]]
    assert wrong(check_text("\n".join(lines)))
    assert wrong(check_text("\n".join(lines).replace('"sequential"', '"my_network"'))) == []


@pytest.mark.parametrize(
    ("shape", "count"), [("30, 30, 32", 896), ("62, 62, 16", 448), ("112, 112, 64", 9472), ("14, 14, 8", 224)]
)
def test_images_of_another_size_are_no_slip(shape, count):
    size, _, filters = (int(each) for each in shape.split(", "))
    rows = [f"conv2d (Conv2D) (None, {shape}) {count}", f"flatten (Flatten) (None, {size * size * filters}) 0"]
    assert wrong(check_text("\n".join(rows))) == []
    assert len(wrong(check_text("\n".join(rows).replace(f" {count}", f" {count + 1}")))) == 1
