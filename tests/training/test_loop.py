"""The training generator: it learns, repeats, resumes from anywhere, and ends as it should."""

import math

import numpy as np
import pytest
import torch

from fmexplore.data.fashion_mnist import DataSet, Split
from fmexplore.errors import ConfigError, TrainingDiverged
from fmexplore.evaluation.predictions import predict
from fmexplore.models.layers import Activation, BatchNorm, Conv, Dense, Dropout, Flatten, MaxPool
from fmexplore.models.table import Model
from fmexplore.training import loop
from fmexplore.training import state as training_state
from fmexplore.training.config import Augmentation, EarlyStopping, Execution
from fmexplore.training.loop import REPORT_IMAGES, train

ONE_THREAD = Execution(threads=1)
# Dropout, batch norm and a map of several channels, so that memory formats matter.
SMALL = Model(
    layers=(
        *(MaxPool(size=4), Conv(filters=6), BatchNorm(), Activation(), Conv(filters=8), Activation()),
        *(Flatten(), Dropout(rate=0.3), Dense(units=10)),
    )
)
PLAIN = Model(layers=(MaxPool(size=2), Flatten(), Dense(units=10)))
AUGMENTED = Augmentation(flip="alternating", shift=1, rotation=5, erasing=0.3)
TIMES = {"seconds", "images_per_second"}


def few(drawn: DataSet, train_images: int = 220, test_images: int = 40) -> DataSet:
    return DataSet(drawn.train.take(np.arange(train_images)), drawn.test.take(np.arange(test_images)))


def figures(progress) -> dict:
    """All that a progress says but times; arrays as lists."""
    found = {name: value for name, value in vars(progress).items() if name not in TIMES and value is not None}
    for name in ("predictions", "test_predictions"):
        if name in found:
            found[name] = found[name].logits.tolist()
    if progress.snapshot:
        found["snapshot"] = (progress.snapshot.step, progress.snapshot.digest, progress.snapshot.features.tolist())
    return found


def story(run) -> list[dict]:
    return [figures(progress) for progress in run if progress.kind != "step"]


def digest(run) -> str:
    return training_state.digest(run.state.network)


def through_files(state) -> tuple[dict, dict]:
    """What is left of a saved state after a way through arrays in C order, as files keep it."""
    tensors, scalars = state.save()
    return {k: torch.from_numpy(v.detach().numpy().copy(order="C")) for k, v in tensors.items()}, scalars


def weights_of(run) -> dict:
    return {name: value.clone() for name, value in run.state.network.state_dict().items()}


def test_it_learns_the_drawn_data(drawn, tiny):
    *_, end = train(tiny.model, tiny.training.replace(epochs=6), drawn, ONE_THREAD)
    assert end.kind == "end"
    assert end.test_accuracy > 0.3  # it averages over the map, where only parity and edges tell classes apart
    assert end.validation_accuracy > 0.3


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_network_that_sees_positions_gets_nearly_all_right(drawn, tiny, precision):
    *_, end = train(PLAIN, tiny.training.replace(epochs=3), drawn, Execution(precision=precision))
    assert end.test_accuracy > 0.95


def test_the_same_seed_gives_the_same_story_and_weights_and_another_seed_does_not(drawn, tiny):
    runs = [train(tiny.model, tiny.training.replace(seed=seed), drawn, ONE_THREAD) for seed in (3, 3, 4)]
    first, again, other = (story(run) for run in runs)
    assert first == again
    assert digest(runs[0]) == digest(runs[1])
    assert digest(runs[0]) != digest(runs[2])
    assert first != other


def test_the_global_random_generators_play_no_part(drawn, tiny):
    config = tiny.training.replace(augmentation=AUGMENTED, batch_size=64)
    found = set()
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)
        run = train(SMALL, config, few(drawn), ONE_THREAD)
        before = torch.get_rng_state()
        story(run)
        assert torch.equal(before, torch.get_rng_state())
        found.add(digest(run))
    assert len(found) == 1


def test_dropout_and_augmentation_differ_between_seeds(drawn, tiny):
    """Same first weights, other seed for the draws: only dropout, augmentation and order can differ."""
    ends = []
    for seed in (1, 2):
        run = train(SMALL, tiny.training.replace(seed=seed, augmentation=AUGMENTED), few(drawn), ONE_THREAD)
        run.state.network.load_state_dict(loop.build(SMALL, 0).state_dict())
        story(run)
        ends.append(digest(run))
    assert ends[0] != ends[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "sgd", "nesterov": True, "learning_rate": 0.05},
        {"optimizer": "adam", "early_stopping": EarlyStopping(monitor="accuracy", patience=5)},
        {"optimizer": "adamw", "weight_decay": 0.01, "schedule": "one-cycle"},
        {"optimizer": "rmsprop", "label_smoothing": 0.1, "l1": 1e-5},
        {"optimizer": "muon", "learning_rate": 0.1, "schedule": "warmup-linear"},
        {"optimizer": "sgd", "weight_average": 0.8, "augmentation": Augmentation(mixup=1, cutmix=0.5)},
    ],
    ids=lambda changes: "averaged" if "weight_average" in changes else changes["optimizer"],
)
def test_a_run_saved_at_any_place_ends_as_if_it_had_not_been(drawn, tiny, changes, monkeypatch):
    monkeypatch.setattr(loop, "REPORT_IMAGES", 100)  # windows of three steps
    monkeypatch.setattr(loop, "PROBE_EVERY", 100)
    monkeypatch.setattr("fmexplore.evaluation.predictions.BATCH", 20)  # evaluations of several batches
    config = tiny.training.replace(**{"augmentation": AUGMENTED, "epochs": 1.6, "snapshots": 4, **changes})
    images = few(drawn)
    whole = train(SMALL, config, images, ONE_THREAD)
    told, saved = [], []
    for progress in whole:
        told += [] if progress.kind == "step" else [figures(progress)]
        saved.append((through_files(whole.state), len(told), progress.kind, whole.state.scalars["due"]))
    places = {(kind, due) for _, _, kind, due in saved}
    assert places >= {
        *(("step", "report"), ("step", "evaluation"), ("report", ""), ("report", "evaluation")),
        *(("epoch", ""), ("snapshot", ""), ("step", ""), ("end", "")),
    }
    for state, count, kind, _ in saved:
        if kind == "end":
            continue
        resumed = train(SMALL, config, images, ONE_THREAD, state)
        assert story(resumed) == told[count:]
        assert digest(resumed) == digest(whole)


def test_a_saved_state_does_not_change_while_the_run_goes_on(drawn, tiny):
    run = train(tiny.model, tiny.training, few(drawn), ONE_THREAD)
    next(run)
    _, scalars = run.state.save()
    story(run)
    assert scalars["step"] == 1


def test_the_average_of_the_weights_is_what_is_judged_and_kept(drawn, tiny):
    config, images = tiny.training.replace(epochs=1, weight_average=0.6, snapshots=0), few(drawn)
    run = train(SMALL, config, images, ONE_THREAD)
    mean, count = run.state.network.state_dict()["layers.8.weight"].clone(), 0
    end = None
    for progress in run:
        if progress.kind == "step" and progress.step > count:
            count = progress.step
            share = min(0.6, count / (count + 9))
            mean = share * mean + (1 - share) * run.state.network.state_dict()["layers.8.weight"]
        end = progress
    torch.testing.assert_close(run.state.result()["layers.8.weight"], mean)
    assert not torch.equal(mean, run.state.network.state_dict()["layers.8.weight"])
    kept = loop.build(SMALL)
    kept.load_state_dict(run.state.result())
    assert np.array_equal(predict(kept, images.test).logits, end.test_predictions.logits)


@pytest.mark.slow
@pytest.mark.parametrize("minutes", [0.02, 0.05])
def test_a_run_with_a_budget_ends_in_it(drawn, tiny, minutes):
    """Whatever the first plan was; the slack is for a busy machine, and for a last step."""
    for epochs in (0.5, 1000):
        run = train(SMALL, tiny.training.replace(epochs=epochs, minutes=minutes, snapshots=4), drawn, ONE_THREAD)
        *_, end = run
        assert end.kind == "end"
        assert end.step == end.steps > 1
        assert 60 * minutes * 0.75 < end.seconds < 60 * minutes * 1.25 + 0.3


def test_a_run_with_a_budget_goes_on_where_it_was_saved(drawn, tiny):
    config = tiny.training.replace(epochs=3, minutes=0.04, snapshots=4)
    run = train(SMALL, config, drawn, ONE_THREAD)
    while next(run).seconds < 1:
        pass
    state = through_files(run.state)
    run.close()
    *_, end = train(SMALL, config, drawn, ONE_THREAD, state)
    assert 1 < end.seconds < 4
    assert end.step > state[1]["step"]


@pytest.mark.parametrize("monitor", ["loss", "accuracy"])
def test_early_stopping_stops_and_returns_to_the_best_weights(drawn, tiny, monitor):
    config = tiny.training.replace(
        epochs=40, learning_rate=0.2, early_stopping=EarlyStopping(monitor=monitor, patience=2), snapshots=0
    )
    images = few(drawn)
    run = train(tiny.model, config, images, ONE_THREAD)
    epochs, weights, end = [], [], None
    for progress in run:
        if progress.kind == "epoch":
            epochs.append(progress)
            weights.append(weights_of(run))
        end = progress
    values = [p.validation_loss if monitor == "loss" else -p.validation_accuracy for p in epochs]
    best = values.index(min(values))
    assert run.stopped_early
    assert len(epochs) == best + 3
    assert end.step == epochs[-1].step < run.steps
    assert all(torch.equal(value, run.state.network.state_dict()[name]) for name, value in weights[best].items())
    assert all(torch.equal(value, run.state.result()[name]) for name, value in weights[best].items())
    figure = end.validation_loss if monitor == "loss" else -end.validation_accuracy
    assert figure == pytest.approx(min(values), abs=1e-6)
    assert np.array_equal(end.test_predictions.logits, predict(run.state.network, images.test).logits)


def test_early_stopping_returns_to_the_best_weights_even_when_all_epochs_are_done(drawn, tiny):
    config = tiny.training.replace(epochs=5, learning_rate=0.2, early_stopping=EarlyStopping(patience=100))
    run = train(tiny.model, config, few(drawn), ONE_THREAD)
    told = list(run)
    assert not run.stopped_early
    best = min(p.validation_loss for p in told if p.kind == "epoch" and p.validation_loss)
    assert told[-1].validation_loss == pytest.approx(best, abs=1e-6)


@pytest.mark.parametrize(("validation", "held_out", "steps"), [("share", 64, 18), ("none", 0, 20), ("test", 160, 20)])
def test_validation_images_are_a_share_or_none_or_the_test_images(drawn, tiny, validation, held_out, steps):
    run = train(tiny.model, tiny.training.replace(validation=validation, epochs=1, snapshots=3), drawn, ONE_THREAD)
    told = list(run)
    assert run.steps == steps
    epoch, end = next(p for p in told if p.kind == "epoch"), told[-1]
    snapshots = [p.snapshot for p in told if p.snapshot]
    if validation == "none":
        assert epoch.validation_loss is None
        assert end.validation_accuracy is None
        assert end.predictions is None
        assert snapshots == []
        assert epoch.train_loss > 0
    else:
        assert len(epoch.predictions) == len(end.predictions) == held_out
        assert len(snapshots) == 3
        assert all(len(snapshot.labels) == held_out for snapshot in snapshots)
    if validation == "test":
        assert end.validation_accuracy == end.test_accuracy
        assert end.predictions is end.test_predictions
    assert len(end.test_predictions) == 160
    assert all(p.test_predictions is None for p in told[:-1])


def test_validation_images_are_never_trained_on(drawn, tiny):
    run = train(tiny.model, tiny.training, drawn, ONE_THREAD)
    held_out = {image.tobytes() for image in run.validation.images}
    assert len(held_out) == 64
    assert not held_out & {image.tobytes() for image in run.images.numpy()}
    assert len(run.images) == 640 - 64


def test_epochs_can_be_fractions(drawn, tiny):
    run = train(tiny.model, tiny.training.replace(epochs=1.5), drawn, ONE_THREAD)
    told = list(run)
    assert run.steps == 27
    assert [p.step for p in told if p.kind == "epoch"] == [18, 27]
    assert told[-1].epoch == 1.5
    least = train(tiny.model, tiny.training.replace(epochs=1e-6), drawn, ONE_THREAD)
    assert [p.step for p in least][-1] == 1


def test_a_last_batch_of_one_image_is_left_out(drawn, tiny):
    config = tiny.training.replace(validation="none", epochs=1)
    assert train(SMALL, config, few(drawn, 65), ONE_THREAD).steps == 2
    assert train(SMALL, config, few(drawn, 66), ONE_THREAD).steps == 3
    *_, end = train(SMALL, config, few(drawn, 65), ONE_THREAD)  # batch norm would refuse one image
    assert end.epoch == 1


def test_each_image_of_an_epoch_is_seen_once_and_in_another_order_in_the_next(drawn, tiny):
    run = train(tiny.model, tiny.training.replace(validation="none", epochs=2), drawn, ONE_THREAD)
    orders = []
    for progress in run:
        if progress.kind == "epoch":
            orders.append(run._order.clone())
    assert all(torch.equal(order.sort().values, torch.arange(640)) for order in orders)
    assert not torch.equal(*orders)


def test_snapshots_are_spread_in_the_logarithm_of_the_steps(drawn, tiny):
    run = train(tiny.model, tiny.training.replace(epochs=10, snapshots=5), drawn, ONE_THREAD)
    assert run.steps == 180
    steps = [p.snapshot.step for p in run if p.snapshot]
    assert steps == [1, 4, 13, 49, 180]
    ratios = np.diff(np.log(steps))
    assert ratios.max() < 1.25 * ratios.min()


@pytest.mark.parametrize(("points", "expected"), [(0, []), (1, [4]), (2, [1, 4]), (100, [1, 2, 3, 4])])
def test_there_are_as_many_snapshots_as_asked_for_and_steps_to_take_them_at(drawn, tiny, points, expected):
    run = train(tiny.model, tiny.training.replace(epochs=4 / 18, snapshots=points), drawn, ONE_THREAD)
    assert [p.snapshot.step for p in run if p.snapshot] == expected


def test_a_snapshot_holds_the_network_of_its_moment(drawn, tiny):
    run = train(tiny.model, tiny.training.replace(snapshots=4), drawn, ONE_THREAD)
    digests = set()
    for progress in run:
        if snapshot := progress.snapshot:
            assert snapshot.digest == digest(run)
            assert snapshot.epoch == progress.epoch
            found = predict(run.state.network, run.validation)
            assert np.array_equal(snapshot.logits, found.logits.astype(np.float16))
            assert (snapshot.logits.shape, snapshot.logits.dtype) == ((64, 10), np.float16)
            assert (snapshot.labels.shape, snapshot.labels.dtype) == ((64,), np.uint8)
            assert (snapshot.features.shape, snapshot.features.dtype) == ((64, 16), np.float16)
            digests.add(snapshot.digest)
    assert len(digests) == 4


def test_a_snapshot_has_features_of_at_most_2000_images(drawn, tiny):
    many = DataSet(drawn.train, drawn.train.take(np.arange(2300) % 640))
    config = tiny.training.replace(validation="test", epochs=1 / 20, snapshots=1)
    [snapshot] = [p.snapshot for p in train(tiny.model, config, many, ONE_THREAD) if p.snapshot]
    assert snapshot.features.shape == (2000, 16)
    assert snapshot.logits.shape == (2300, 10)


@pytest.mark.parametrize("batch_size", [128, 250, 700, 1500, 3000])
def test_reports_come_at_least_every_2500_images(drawn, tiny, batch_size):
    many = DataSet(drawn.train.take(np.arange(7000) % 640), few(drawn).test)
    config = tiny.training.replace(batch_size=batch_size, validation="none", epochs=1, snapshots=0)
    since, reports = 0, 0
    for progress in train(PLAIN, config, many, ONE_THREAD):
        if progress.kind == "report":
            since, reports = 0, reports + 1
        elif progress.kind == "step":
            since += batch_size
        else:
            break
        assert since <= max(REPORT_IMAGES, batch_size)
    assert reports >= 7000 // max(REPORT_IMAGES, batch_size)


def test_figures_of_an_epoch_are_the_means_of_its_reports(drawn, tiny, monkeypatch):
    monkeypatch.setattr(loop, "REPORT_IMAGES", 96)  # 18 steps of 32 images: six equal windows
    run = train(tiny.model, tiny.training.replace(epochs=1, snapshots=0), drawn, ONE_THREAD)
    told = list(run)
    reports = [p for p in told if p.kind == "report"]
    [epoch] = [p for p in told if p.kind == "epoch"]
    assert len(reports) == 6
    assert epoch.train_loss == pytest.approx(np.mean([p.train_loss or 0 for p in reports]))
    assert epoch.train_accuracy == pytest.approx(np.mean([p.train_accuracy or 0 for p in reports]))
    assert all(p.images_per_second > 0 for p in reports)


def test_a_learning_rate_of_a_million_ends_with_an_explanation_and_finite_weights(drawn, tiny):
    run = train(tiny.model, tiny.training.replace(optimizer="sgd", learning_rate=1e6), drawn, ONE_THREAD)
    with pytest.raises(TrainingDiverged, match=r"at step \d+ .* learning rate of 1e\+06 .* try a tenth"):
        list(run)
    assert all(value.isfinite().all() for value in run.state.network.state_dict().values())


def test_a_run_that_diverges_keeps_the_best_weights_that_early_stopping_has_seen(drawn, tiny):
    stopping = EarlyStopping(monitor="loss", patience=30)
    config = tiny.training.replace(epochs=40, learning_rate=0.2, early_stopping=stopping, snapshots=0)
    run = train(tiny.model, config, few(drawn), ONE_THREAD)
    epochs, weights = [], []

    def break_after_three_epochs() -> None:
        for progress in run:
            if progress.kind == "epoch":
                epochs.append(progress)
                weights.append(weights_of(run))
            if len(epochs) == 3:
                next(run.state.network.parameters()).data.fill_(math.nan)

    with pytest.raises(TrainingDiverged, match="the weights of the best epoch are kept"):
        break_after_three_epochs()
    best = min(range(3), key=lambda epoch: epochs[epoch].validation_loss)
    assert all(torch.equal(value, run.state.result()[name]) for name, value in weights[best].items())
    assert run.measure(run.state.result()).accuracy == pytest.approx(epochs[best].validation_accuracy)


def test_finite_weights_with_infinite_outputs_are_not_kept(drawn, tiny):
    run = train(tiny.model, tiny.training.replace(snapshots=0), drawn, ONE_THREAD)
    next(run)
    assert run.state.keep_good()
    before = weights_of(run)
    for value in list(run.state.network.parameters())[-4:]:
        value.data.fill_(3e38)
    assert not run.state.keep_good()
    assert all(torch.equal(value, run.state.result()[name]) for name, value in before.items())
    run.state.good = {}
    assert run.state.result() == {}
    assert run.measure(run.state.result()) is None


def test_no_figure_is_ever_infinite_or_not_a_number(drawn, tiny):
    """Weights can leave the numbers in the last step before an evaluation, after a finite loss."""
    for seed in range(3):
        for rate in (1e2, 1e4, 1e5, 1e6, 1e9):
            config = tiny.training.replace(optimizer="sgd", learning_rate=rate, seed=seed, epochs=2 / 18)
            run = train(tiny.model, config, few(drawn), ONE_THREAD)
            try:
                for progress in run:
                    numbers = [value for value in vars(progress).values() if isinstance(value, float)]
                    assert all(map(math.isfinite, numbers))
            except TrainingDiverged:
                pass
            assert all(value.isfinite().all() for value in run.state.network.state_dict().values())


def test_a_run_saved_between_divergence_and_its_discovery_still_explains_itself(drawn, tiny):
    config = tiny.training.replace(optimizer="sgd", learning_rate=1e9, snapshots=0)
    run = train(tiny.model, config, drawn, ONE_THREAD)
    progress = next(run)
    while all(value.isfinite().all() for value in run.state.network.state_dict().values()):
        progress = next(run)
    assert progress.kind == "step"
    assert all(value.isfinite().all() for value in run.state.result().values())
    resumed = train(tiny.model, config, drawn, ONE_THREAD, through_files(run.state))
    with pytest.raises(TrainingDiverged):
        list(resumed)
    assert resumed.state.result() == {}, "no report had good weights"


def test_the_test_images_are_looked_at_once_at_the_end(drawn, tiny, monkeypatch):
    monkeypatch.setattr("fmexplore.evaluation.predictions.BATCH", 500)

    class Watched(np.ndarray):
        looks = 0

        def __getitem__(self, key):
            Watched.looks += 1
            return super().__getitem__(key)

    images = DataSet(drawn.train, Split(drawn.test.images.view(Watched), drawn.test.labels))
    kinds_before = []
    for progress in train(tiny.model, tiny.training, images, ONE_THREAD):
        if not Watched.looks:
            kinds_before.append(progress.kind)
        assert progress.test_accuracy is None or progress.kind == "end"
    assert kinds_before.count("epoch") == 2
    assert Watched.looks == 1  # 160 images are one batch


def test_the_end_measures_the_weights_that_are_kept(drawn, tiny):
    run = train(tiny.model, tiny.training, drawn, ONE_THREAD)
    *_, end = run
    test, validation = predict(run.state.network, drawn.test), predict(run.state.network, run.validation)
    assert (end.test_accuracy, end.test_loss) == (test.accuracy, test.loss)
    assert (end.validation_accuracy, end.validation_loss) == (validation.accuracy, validation.loss)
    for found, wanted in ((end.test_predictions, test), (end.predictions, validation)):
        assert np.array_equal(found.logits, wanted.logits)
        assert np.array_equal(found.labels, wanted.labels)


def test_a_run_uses_its_threads_in_its_steps_and_gives_them_back_between(drawn, tiny, monkeypatch):
    """Also one that is left alone: what it gave back later, when it is collected, would be taken from another."""
    before, inside, take_step = torch.get_num_threads(), [], train.take_step

    def watched(self, step: int) -> None:
        inside.append(torch.get_num_threads())
        take_step(self, step)

    monkeypatch.setattr(train, "take_step", watched)
    run = train(tiny.model, tiny.training, drawn, Execution(threads=before + 1))
    next(run)
    assert inside == [before + 1]
    assert torch.get_num_threads() == before
    try:
        torch.set_num_threads(before + 2)
        run.close()
        assert torch.get_num_threads() == before + 2
    finally:
        torch.set_num_threads(before)
    assert list(run) == []


def test_a_table_that_cannot_be_built_is_refused(drawn, tiny):
    with pytest.raises(ConfigError, match="Layer 1"):
        train(Model(layers=(Dense(units=10),)), tiny.training, drawn, ONE_THREAD)


# Extra images, soft targets, weights to begin with.


SOFT = {2: 0.7, 6: 0.3}


def photos(count: int = 200) -> Split:
    """Images unlike the drawn ones, with a target that no label says."""
    images = np.random.default_rng(5).integers(0, 60, (count, 28, 28)).astype(np.uint8)
    images[:, :, :14] = 240
    targets = np.zeros((count, 10), np.float32)
    for label, share in SOFT.items():
        targets[:, label] = share
    return Split(images, targets.argmax(1).astype(np.uint8), targets)


def chances(run, images: Split) -> np.ndarray:
    return predict(run.state.eval_network, images).probabilities


def test_extra_images_teach_their_soft_targets_beside_the_labels(drawn, tiny):
    config = tiny.training.replace(epochs=8)
    run = train(PLAIN, config, DataSet(drawn.train, drawn.test, photos()), ONE_THREAD)
    *_, end = run
    assert chances(run, photos())[:, [2, 6]].mean(0) == pytest.approx([0.7, 0.3], abs=0.05)
    assert end.test_accuracy > 0.95
    plain = train(PLAIN, config, drawn, ONE_THREAD)
    story(plain)
    assert chances(plain, photos())[:, [2, 6]].mean(0) != pytest.approx([0.7, 0.3], abs=0.2)


def test_extra_images_make_epochs_longer_and_are_not_validated_on(drawn, tiny):
    config = tiny.training.replace(batch_size=64, epochs=1)
    images = few(drawn)
    plain = train(PLAIN, config, images, ONE_THREAD)
    more = train(PLAIN, config, DataSet(images.train, images.test, photos()), ONE_THREAD)
    assert (plain.steps_per_epoch, more.steps_per_epoch) == (4, 7)
    assert np.array_equal(plain.validation.images, more.validation.images)


def test_targets_that_say_what_the_labels_say_teach_the_same(drawn, tiny):
    """Also with mixing and smoothing."""
    changes = {"augmentation": Augmentation(mixup=1, cutmix=0.5), "label_smoothing": 0.1, "epochs": 1}
    config, parts = tiny.training.replace(**changes), few(drawn)
    spoken = DataSet(Split(parts.train.images, parts.train.labels, parts.train.known_targets()), parts.test)
    runs = [train(PLAIN, config, images, ONE_THREAD) for images in (parts, spoken)]
    stories = [story(run) for run in runs]
    for (name, one), other in zip(weights_of(runs[0]).items(), weights_of(runs[1]).values(), strict=True):
        assert torch.allclose(one, other, atol=1e-5), name
    assert [each.get("train_accuracy") for each in stories[0]] == [each.get("train_accuracy") for each in stories[1]]


@pytest.mark.parametrize(
    ("target", "said", "right"),
    [
        ({2: 0.7, 6: 0.3}, 2, 1.0),
        ({2: 0.7, 6: 0.3}, 6, 0.0),
        ({2: 0.5, 6: 0.5}, 2, 1.0),  # both are as likely as any other
        ({2: 0.5, 6: 0.5}, 6, 1.0),
        ({2: 0.5, 6: 0.5}, 3, 0.0),
        (dict.fromkeys(range(10), 0.1), 4, 1.0),  # none of the ten: nothing is wrong
    ],
    ids=str,
)
def test_what_is_as_likely_as_any_other_counts_as_right(tiny, target, said, right):
    values = np.zeros((64, 10), np.float32)
    for label, share in target.items():
        values[:, label] = share
    split = Split(np.zeros((64, 28, 28), np.uint8), np.full(64, 2, np.uint8), values)
    begin = loop.build(PLAIN, 0).state_dict()
    begin = {name: torch.zeros_like(value) for name, value in begin.items()}
    bias = next(name for name, value in begin.items() if value.shape == (10,))
    begin[bias][said] = 100
    config = tiny.training.replace(epochs=1, batch_size=64, validation="none", learning_rate=1e-6)
    run = train(PLAIN, config, DataSet(split, split.take(np.arange(4))), ONE_THREAD, begin=begin)
    [report, *_] = [each for each in run if each.kind == "report"]
    assert report.train_accuracy == right


def test_a_run_begins_with_the_weights_that_it_is_given(drawn, tiny):
    parent = train(SMALL, tiny.training.replace(weight_average=0.9), few(drawn), ONE_THREAD)
    story(parent)
    begin = {name: value.clone() for name, value in parent.state.result().items()}
    config = tiny.training.replace(seed=5, weight_average=0.9)
    run = train(SMALL, config, few(drawn), ONE_THREAD, begin=begin)
    for network in (run.state.network, run.state.averaged):
        for name, value in network.state_dict().items():
            assert torch.equal(value, begin[name]), name
    next(run)
    assert any(not torch.equal(value, begin[name]) for name, value in weights_of(run).items())


def test_the_weights_to_begin_with_are_not_changed(drawn, tiny):
    begin = loop.build(SMALL, 9).state_dict()
    before = {name: value.clone() for name, value in begin.items()}
    story(train(SMALL, tiny.training, few(drawn), ONE_THREAD, begin=begin))
    assert all(torch.equal(value, before[name]) for name, value in begin.items())


def test_a_run_that_goes_on_does_not_begin_again(drawn, tiny):
    config, images = tiny.training, few(drawn)
    begin = loop.build(SMALL, 9).state_dict()
    run = train(SMALL, config, images, ONE_THREAD, begin=begin)
    for _ in range(4):
        next(run)
    saved = through_files(run.state)
    rest = story(run)
    again = train(SMALL, config, images, ONE_THREAD, resume=saved, begin=begin)
    assert story(again) == rest
    assert digest(again) == digest(run)


def test_weights_of_another_network_are_not_begun_with(drawn, tiny):
    with pytest.raises(RuntimeError, match=r"size mismatch|Missing key"):
        train(SMALL, tiny.training, few(drawn), ONE_THREAD, begin=loop.build(PLAIN, 0).state_dict())
