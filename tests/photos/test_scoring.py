"""Predictions for photos: calibrated, unsure where they should be, scored; small cases by hand, AUROC by sklearn."""

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from fmexplore.errors import ConfigError, RunBroken
from fmexplore.models.table import summarize, tensor_shapes
from fmexplore.photos.labelled import LabelledPhoto
from fmexplore.photos.scoring import (
    PhotoFit,
    PhotoPredictions,
    classify,
    counted,
    fit_calibration,
    fit_photos,
    group,
    score,
    unsure_threshold,
)


def photo(*labels: int, lenient: tuple[int, ...] = ()) -> LabelledPhoto:
    return LabelledPhoto(None, frozenset(labels), frozenset(lenient))


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(1, keepdims=True))
    return powers / powers.sum(1, keepdims=True)


def sampled(count: int, temperature: float, seed: int = 0) -> tuple[np.ndarray, list[LabelledPhoto]]:
    """Logits, and labels drawn from what they say at that temperature; none are shoes."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (count, 10))
    logits[:, [5, 7, 9]] = -1e3
    chances = softmax(logits / temperature)
    return logits, [photo(int(rng.choice(10, p=chance))) for chance in chances]


def says(*labels: int, confidence: float = 0.7) -> PhotoPredictions:
    """Predictions that say these labels, none of them unsure."""
    probabilities = np.full((len(labels), 10), (1 - confidence) / 9)
    probabilities[np.arange(len(labels)), labels] = confidence
    return PhotoPredictions(probabilities, 1 - probabilities.max(1), np.zeros(len(labels), bool))


# Predictions.


def test_probabilities_are_those_of_the_logits_over_the_temperature():
    logits = np.random.default_rng(0).normal(0, 3, (20, 10)).astype(np.float32)
    for temperature in (0.5, 1, 4):
        found = classify(logits, PhotoFit(temperature=temperature)).probabilities
        assert found == pytest.approx(softmax(logits / temperature), abs=1e-6)


@pytest.mark.filterwarnings("error")
def test_huge_logits_do_no_harm():
    logits = np.zeros((2, 10), np.float32)
    logits[0, 3] = 1e4
    found = classify(logits, PhotoFit(temperature=0.1)).probabilities
    assert found[0, 3] == 1
    assert found[1] == pytest.approx(np.full(10, 0.1))


def test_without_photos_less_than_an_even_chance_is_unsure():
    logits = np.zeros((3, 10))
    logits[:, 2] = np.log(9 * np.array([0.49, 0.51, 0.9]) / (1 - np.array([0.49, 0.51, 0.9])))
    found = classify(logits, PhotoFit())
    assert found.ood_score == pytest.approx([0.51, 0.49, 0.1])
    assert found.unsure.tolist() == [True, False, False]


def test_with_photos_flat_logits_are_unsure_whatever_the_temperature():
    logits = np.zeros((3, 10))
    logits[0, 0], logits[1, 0] = 10, 1  # standard deviations 3 and 0.3
    for temperature in (0.01, 1, 100):
        found = classify(logits, PhotoFit(temperature=temperature, unsure_above=-1.0))
        assert found.ood_score == pytest.approx([-3, -0.3, 0])
        assert found.unsure.tolist() == [False, True, True]


# Fitting.


@pytest.mark.parametrize("temperature", [0.4, 1.0, 2.5])
def test_the_temperature_at_which_labels_were_drawn_is_found(temperature):
    logits, photos = sampled(4000, temperature)
    found, bias = fit_calibration(logits, photos)
    assert found == pytest.approx(temperature, rel=0.08)
    assert np.abs(bias).max() < 0.25


def test_a_class_that_photos_show_more_often_gets_a_bias_and_the_best_verdicts():
    logits, _ = sampled(6000, 1.0)
    truth = logits + 1.5 * (np.arange(10) == 2) - 1.0 * (np.arange(10) == 6)
    rng = np.random.default_rng(3)
    photos = [photo(int(rng.choice(10, p=chance))) for chance in softmax(truth)]
    temperature, bias = fit_calibration(logits, photos)
    assert 0.9 < bias[2] - np.median(bias) < 1.6
    assert -1.1 < bias[6] - np.median(bias) < -0.5
    fits = PhotoFit(), PhotoFit(temperature=temperature, bias=bias)
    plain, fitted = (score(photos, classify(logits, fit)) for fit in fits)
    assert fitted.top1 > plain.top1 + 0.02
    assert fitted.error < plain.error


def test_a_class_that_is_never_shown_keeps_a_bias_near_zero():
    logits, photos = sampled(300, 1.0)
    seen = [number for number, each in enumerate(photos) if each.labels != {8}]
    _, bias = fit_calibration(logits[seen], [photos[number] for number in seen])
    assert -2.5 < bias[8] < 0


def test_what_is_none_of_the_ten_plays_no_part_in_the_calibration():
    logits, photos = sampled(300, 1.5)
    with_others = np.concatenate([np.eye(10) * 30, logits])
    found = fit_calibration(with_others, [*[photo()] * 10, *photos])
    assert np.hstack(found) == pytest.approx(np.hstack(fit_calibration(logits, photos)), abs=1e-6)


def test_which_shoe_it_is_plays_no_part_in_the_calibration():
    logits, photos = sampled(300, 1.5)
    shoe = np.full((200, 10), -9.0)
    shoe[:, [5, 7, 9]] = 4, 5, 3  # surely shoes, but which
    with_shoes = np.concatenate([logits, shoe])
    found = [np.hstack(fit_calibration(with_shoes, photos + [photo(label)] * 200)) for label in (5, 7, 9)]
    assert found[0] == pytest.approx(found[1], abs=1e-6)
    assert found[0] == pytest.approx(found[2], abs=1e-6)


def test_95_percent_of_the_clothes_get_an_answer():
    rng = np.random.default_rng(0)
    scores = rng.normal(size=1500)
    photos = [photo(0)] * 1000 + [photo()] * 500
    scores[1000:] += 50
    for coverage in (0.95, 0.5):
        threshold = unsure_threshold(scores, photos, coverage)
        assert (scores[:1000] <= threshold).mean() == pytest.approx(coverage, abs=0.001)
    assert unsure_threshold(scores, photos) == unsure_threshold(scores, photos, 0.95)


def test_held_out_photos_say_all_that_a_run_knows_of_photos():
    logits, photos = sampled(1000, 2.0)
    flat = np.random.default_rng(1).normal(0, 0.05, (100, 10))
    logits, photos = np.concatenate([logits, flat]), [*photos, *[photo()] * 100]
    fit = fit_photos(logits, photos, 1234, "somewhere, CC0")
    assert (fit.photos, fit.source) == (1234, "somewhere, CC0")
    assert (fit.temperature, fit.bias) == fit_calibration(logits, photos)
    found = score(photos, classify(logits, fit))
    assert found.answered == pytest.approx(0.95, abs=0.002)
    assert found.refused == 1


# Scoring.


def test_the_three_kinds_of_shoes_count_as_one_where_one_of_them_is_right():
    assert counted(photo(5)) == {5, 7, 9}
    assert counted(photo(7, 8)) == {5, 7, 8, 9}
    assert counted(photo(0, 6)) == {0, 6}
    assert [group(photo(9)), group(photo(5, 7, 9)), group(photo(6)), group(photo(6, 2))] == [
        *("Shoes", "Shoes", "Shirt", "Pullover"),
    ]


def test_a_small_case_is_scored_as_by_hand():
    photos = [photo(0), photo(0, lenient=(6,)), photo(2, 4), photo(5), photo(9), photo(), photo(1), photo()]
    verdicts = says(0, 6, 4, 7, 0, 3, 1, 3)
    # Right: 0 for 0, 4 for 2|4, sneaker for sandal, 1 for 1; lenient also 6 for 0; wrong: 0 for 9.
    found = score(photos, verdicts)
    assert (found.photos, found.others) == (6, 2)
    assert found.top1 == pytest.approx(4 / 6)
    assert found.lenient == pytest.approx(5 / 6)
    assert found.groups == {
        "T-shirt/top": (0.5, 2),
        "Pullover": (1.0, 1),
        "Shoes": (0.5, 2),
        "Trouser": (1.0, 1),
    }
    assert found.error == pytest.approx(abs(4 / 6 - 0.7))
    assert (found.answered, found.refused) == (1, 0)


def test_lenient_labels_do_not_make_what_is_wrong_right():
    found = score([photo(0, lenient=(6,)), photo(0, lenient=(6,))], says(6, 3))
    assert (found.top1, found.lenient) == (0, 0.5)


def test_groups_with_fewer_than_30_photos_do_not_count_in_their_mean():
    photos = [photo(0)] * 30 + [photo(7)] * 20 + [photo(9)] * 20 + [photo(8)] * 29
    said = [0] * 15 + [1] * 15 + [5] * 30 + [1] * 10 + [1] * 29
    found = score(photos, says(*said))
    assert found.groups == {"T-shirt/top": (0.5, 30), "Shoes": (0.75, 40), "Bag": (0.0, 29)}
    assert found.macro == pytest.approx((0.5 + 0.75) / 2)
    assert found.top1 == pytest.approx(45 / 99)


def test_where_all_groups_are_small_all_of_them_count():
    found = score([photo(0), photo(1), photo(1), photo(1)], says(0, 3, 3, 3))
    assert found.macro == pytest.approx(0.5)


def test_the_surest_half_is_that_with_the_highest_confidence():
    photos = [photo(0)] * 4
    verdicts = says(0, 1, 0, 1)
    verdicts.probabilities[[0, 2], 0] += 0.2
    assert score(photos, verdicts).sure_half == 1
    verdicts.probabilities[[1, 3], 1] += 0.25
    assert score(photos, verdicts).sure_half == 0


def test_clothes_and_others_are_told_apart_as_scikit_learn_says():
    rng = np.random.default_rng(0)
    photos = [photo(0) if rng.random() < 0.7 else photo() for _ in range(200)]
    values = rng.normal(size=200) + [0.0 if each.known else 1.0 for each in photos]
    found = score(photos, PhotoPredictions(says(*[0] * 200).probabilities, values, values > 0.5))
    others = np.array([not each.known for each in photos])
    assert found.auroc == pytest.approx(roc_auc_score(others, values))
    assert found.auroc > 0.6
    assert found.answered == pytest.approx((values[~others] <= 0.5).mean())
    assert found.refused == pytest.approx((values[others] > 0.5).mean())


def test_without_others_nothing_is_said_of_them():
    found = score([photo(0), photo(1)], says(0, 1))
    assert (found.others, found.auroc, found.refused) == (0, None, None)


def test_a_score_can_be_printed_as_json():
    found = score([photo(0), photo()], says(0, 1))
    assert json.loads(json.dumps(vars(found)))["groups"] == {"T-shirt/top": [1.0, 1]}


# What a run keeps.


@pytest.fixture
def run(store, tiny):
    run = store.create(tiny, state="finished", ended=1.0)
    shapes = tensor_shapes(summarize(tiny.model))
    run.write_weights({name: np.zeros(shape, np.float32) for name, shape in shapes.items()})
    run.append_metrics({"kind": "end", "step": 9})
    return run


FIT = PhotoFit(temperature=1.7, unsure_above=-0.6, photos=2300, source="people, CC0")


def test_what_a_run_knows_of_photos_reads_back(run):
    assert run.photo_fit == PhotoFit()
    assert run.photo_fit.unsure_above is None
    run.write_photo_fit(FIT)
    assert run.photo_fit == FIT
    run.write_photo_fit(FIT.replace(temperature=2.0))
    assert run.photo_fit.temperature == 2.0


def test_what_a_run_knows_of_photos_is_read_once(run):
    run.write_photo_fit(FIT)
    assert run.photo_fit is run.photo_fit


def test_what_a_run_knows_of_photos_is_shipped_along(store, run):
    store.ship(run, "plain")
    run.write_photo_fit(FIT)
    store.ship(run, "photo")
    assert store.find("photo").photo_fit == FIT
    assert store.find("plain").photo_fit == PhotoFit()


@pytest.mark.parametrize("text", ["", "{", '{"temperature": 0}', '{"colour": 1}', "[]"])
def test_a_damaged_file_is_named(run, text):
    (run.path / "photo.json").write_text(text)
    with pytest.raises(RunBroken, match=r"photo\.json"):
        _ = run.photo_fit


@pytest.mark.parametrize(
    "change", [{"bias": [0.0] * 9}, {"temperature": 0}, {"temperature": float("nan")}, {"photos": -1}]
)
def test_values_that_make_no_sense_are_refused(change):
    with pytest.raises(ConfigError, match=next(iter(change))):
        FIT.replace(**change)


def test_a_run_that_is_always_right_is_not_made_infinitely_sure():
    logits = np.eye(10, dtype=np.float32)
    assert fit_calibration(logits, [photo(label) for label in range(10)])[0] == pytest.approx(0.1)
