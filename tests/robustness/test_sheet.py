"""The sheet: what is counted, in which order it is filled, how it is kept, and the figures that follow."""

import numpy as np
import pytest

from fmexplore.data.addresses import Addresses
from fmexplore.errors import ConfigError
from fmexplore.evaluation.confusion import accuracy_interval, mcnemar
from fmexplore.robustness import sheet as sheets
from fmexplore.robustness.changes import change_images
from fmexplore.robustness.sheet import CLEAN, CORRUPTIONS, ROWS, Row, Sheet, fill_sheet, rows_of

MIRROR = Row("mirror", 1)


def drawn_sheet(seed: int = 0, count: int = 300, right: float = 0.7) -> Sheet:
    """Whole, with answers that are right so often."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(count) % 10).astype(np.uint8)
    wrong = (labels + rng.integers(1, 10, (len(ROWS), count))) % 10
    predicted = np.where(rng.random((len(ROWS), count)) < right, labels, wrong).astype(np.uint8)
    return Sheet(labels, predicted, np.full(len(ROWS), count))


def by_brightness(images: np.ndarray) -> np.ndarray:
    """Logits of a network that looks at the brightness of the first column only."""
    return np.eye(10, dtype=np.float32)[images[:, :, 0].mean(1).astype(int) // 26]


def test_each_row_holds_what_the_network_says_of_the_changed_images(drawn):
    images, ids = drawn.test.images, Addresses(len(drawn.train), len(drawn.test)).ids("test", np.arange(160))
    found = Sheet.empty(drawn.test.labels)
    list(fill_sheet(by_brightness, images, ids, found))
    assert found.whole
    for row in (CLEAN, MIRROR, Row("noise", 3), Row("shift", 5)):
        changed = images if row == CLEAN else change_images(images, ids, *row)
        labels, predicted = found.answered(row)
        assert np.array_equal(predicted, by_brightness(changed).argmax(1))
        assert found.tally(row).right == (predicted == labels).sum()


def test_the_first_images_of_all_rows_come_before_the_others(drawn, monkeypatch):
    monkeypatch.setattr(sheets, "CHUNK", 20)
    found, rows = Sheet.empty(drawn.test.labels), rows_of(["mirror", "invert"])
    seen = [
        (row.change, found.counts.max(), share)
        for row, share in fill_sheet(by_brightness, drawn.test.images, np.arange(160), found, rows, first=30, most=50)
    ]
    assert seen == [
        ("mirror", 20, 0.2), ("mirror", 30, 0.3), ("invert", 30, 0.5), ("invert", 30, 0.6),
        ("mirror", 50, 0.8), ("invert", 50, 1.0),
    ]  # fmt: skip
    assert found.counts.sum() == 100


def test_a_sheet_that_was_left_is_gone_on_with_and_asks_for_nothing_twice(drawn):
    asked = []

    def answer(images: np.ndarray) -> np.ndarray:
        asked.append(len(images))
        return by_brightness(images)

    found, ids = Sheet.empty(drawn.test.labels), np.arange(160)
    steps = fill_sheet(answer, drawn.test.images, ids, found, first=100)
    for _ in range(90):  # all of the first pass, and a few
        next(steps)
    steps.close()
    list(fill_sheet(answer, drawn.test.images, ids, found, first=100))
    assert sum(asked) == 160 * len(ROWS)
    whole = Sheet.empty(drawn.test.labels)
    list(fill_sheet(by_brightness, drawn.test.images, ids, whole))
    assert np.array_equal(found.predicted, whole.predicted)


def test_tallies_are_those_of_counting_and_their_interval_is_wilsons():
    found = drawn_sheet()
    labels, predicted = found.answered(MIRROR)
    tally = found.tally(MIRROR, 3)
    assert tally == (int((predicted[labels == 3] == 3).sum()), 30)
    assert tally.interval == accuracy_interval(*tally)
    assert found.class_counts(MIRROR)[3].tolist() == list(tally)
    assert Sheet.empty(labels).tally(MIRROR).interval == (0, 1)


def test_images_that_flip_were_right_before_and_are_wrong_changed():
    found = drawn_sheet()
    flipped = found.flipped(MIRROR)
    clean, changed = found.answered(CLEAN)[1], found.answered(MIRROR)[1]
    assert flipped.tolist() == [n for n, label in enumerate(found.labels) if clean[n] == label != changed[n]]
    assert found.flipped(MIRROR, 4).tolist() == [n for n in flipped if found.labels[n] == 4]
    found.counts[0] = 10  # of the unchanged ones only the first are known
    assert found.flipped(MIRROR).tolist() == [n for n in flipped if n < 10]


def test_a_kept_sheet_comes_back_and_is_small():
    found = drawn_sheet(count=1000, right=0.98)
    found.counts[5] = 17
    arrays = found.to_arrays()
    again = Sheet.from_arrays(arrays, found.labels)
    assert np.array_equal(again.predicted, found.predicted)
    assert np.array_equal(again.counts, found.counts)
    assert len(arrays["packed"]) < found.predicted.nbytes / 4


@pytest.mark.parametrize(
    "change",
    [
        lambda arrays: arrays.pop("counts"),
        lambda arrays: arrays.update(packed=arrays["packed"][:-9]),
        lambda arrays: arrays.update(packed=np.zeros(40, np.uint8)),
        lambda arrays: arrays.update(counts=arrays["counts"] + 1),
        lambda arrays: arrays.update(counts=arrays["counts"][1:]),
        lambda arrays: arrays.update(drawn_sheet(count=310).to_arrays()),
    ],
)
def test_what_is_no_sheet_of_these_images_is_not_taken_for_one(change):
    found = drawn_sheet()
    arrays = found.to_arrays()
    change(arrays)
    assert Sheet.from_arrays(arrays, found.labels) is None


def test_the_key_depends_on_data_version_and_amounts(monkeypatch):
    keys = {sheets.sheet_key(images="a"), sheets.sheet_key(images="b")}
    assert next(iter(sheets.stored_key(images="a"))) == "algorithm"
    monkeypatch.setattr(sheets, "VERSION", 2)
    keys.add(sheets.sheet_key(images="a"))
    monkeypatch.setattr(sheets, "CHANGES", dict(list(sheets.CHANGES.items())[1:]))
    keys.add(sheets.sheet_key(images="a"))
    assert len(keys) == 4


def test_the_corruption_error_is_a_mean_of_ratios_without_flips():
    reference, other = drawn_sheet(0), drawn_sheet(1, right=0.4)
    ratios = []
    for name in CORRUPTIONS:
        errors = [sum(1 - each.tally(row).accuracy for row in rows_of([name])) for each in (other, reference)]
        ratios.append(errors[0] / errors[1])
    assert len(ratios) == 15
    assert sheets.corruption_error(other, reference) == pytest.approx(np.mean(ratios))
    assert sheets.corruption_error(reference, reference) == 1
    assert sheets.corruption_error(reference, drawn_sheet(count=310)) is None
    assert sheets.corruption_error(reference, drawn_sheet(right=1)) is None
    assert sheets.corruption_error(Sheet.empty(reference.labels), reference) is None


def test_two_sheets_are_compared_by_mcnemar_with_holms_correction():
    reference, other = drawn_sheet(0), drawn_sheet(1, right=0.8)
    rows = rows_of(["mirror", "invert"])
    found = sheets.compare_sheets(reference, other, rows)
    raw = {}
    for row in rows:
        first, second = (each.answered(row)[1] == reference.labels for each in (reference, other))
        assert found[row].counts == (int((first & ~second).sum()), int((second & ~first).sum()))
        raw[row] = mcnemar(*found[row].counts)
    low, high = sorted(rows, key=raw.__getitem__)
    assert found[low].p_value == pytest.approx(min(1, 2 * raw[low]))
    assert found[high].p_value == pytest.approx(max(raw[high], min(1, 2 * raw[low])))
    assert sheets.compare_sheets(reference, Sheet.empty(reference.labels), rows) == {}


def test_rows_are_named_by_their_change():
    assert rows_of(["mirror", "gain"]) == [*(Row("gain", at) for at in range(1, 6)), MIRROR]
    with pytest.raises(ConfigError, match="no change 'clean'"):
        rows_of(["clean"])
