"""Finding, checking and dividing the data set, on a small drawn one."""

import gzip
import shutil
from pathlib import Path

import numpy as np
import pytest

from fmexplore import settings
from fmexplore.data import fashion_mnist, sources
from fmexplore.data.fashion_mnist import SplitConfig
from fmexplore.errors import DataError

NAMES = list(fashion_mnist.FILES)
TEST_LABELS = "t10k-labels-idx1-ubyte"
TRAIN_LABELS = "train-labels-idx1-ubyte"


def load_error(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        fashion_mnist.load(folder)
    return str(caught.value)


def check_error(folder: Path, name: str, what: str) -> None:
    error = load_error(folder)
    assert error.startswith(str(folder / f"{name}.gz"))
    assert what in error
    assert "python -m fmexplore data" in error


def rewrite(folder: Path, name: str, change) -> None:
    path = folder / f"{name}.gz"
    path.write_bytes(gzip.compress(change(bytearray(gzip.decompress(path.read_bytes())))))


def with_byte(position: int, value: int):
    def change(raw: bytearray) -> bytearray:
        raw[position] = value
        return raw

    return change


@pytest.fixture
def places(drawn_folder, tmp_path, monkeypatch):
    """A project folder and Debian's folder without files, and no FMEXPLORE_DATA."""
    monkeypatch.delenv("FMEXPLORE_DATA")
    for module in (fashion_mnist, settings):
        monkeypatch.setattr(module, "PROJECT", tmp_path / "project")
    (tmp_path / "project").mkdir()
    monkeypatch.setattr(fashion_mnist, "DEBIAN_FOLDER", tmp_path / "debian")
    return tmp_path


# Finding.


def test_the_chosen_folder_is_the_only_one_looked_at(drawn_folder, places, monkeypatch):
    shutil.copytree(drawn_folder, places / "project" / "data")
    monkeypatch.setenv("FMEXPLORE_DATA", str(drawn_folder))
    assert fashion_mnist.find_folder() == drawn_folder
    monkeypatch.setenv("FMEXPLORE_DATA", str(places / "elsewhere"))
    with pytest.raises(DataError) as caught:
        fashion_mnist.find_folder()
    error = str(caught.value)
    assert error.startswith(f"FMEXPLORE_DATA names {places / 'elsewhere'} (there is no such folder), and Fashion-MNIST")
    assert "train-images-idx3-ubyte(.gz)" in error
    assert f"leave FMEXPLORE_DATA out to look in {places / 'project' / 'data'}, run `python -m fmexplore data`" in error
    assert error.endswith(f"into {places / 'elsewhere'}."), "where they would be found"


def test_the_chosen_folder_may_be_named_from_the_users_own(drawn_folder, places, monkeypatch):
    monkeypatch.setenv("HOME", str(places))
    monkeypatch.setenv("USERPROFILE", str(places))
    monkeypatch.setenv("FMEXPLORE_DATA", f"~/{drawn_folder.name}")
    assert fashion_mnist.find_folder() == drawn_folder
    assert settings.child_environment(settings.Settings())["FMEXPLORE_DATA"] == str(drawn_folder.resolve())


def test_the_projects_folder_comes_before_debians(drawn_folder, places):
    shutil.copytree(drawn_folder, places / "debian")
    assert fashion_mnist.find_folder() == places / "debian"
    shutil.copytree(drawn_folder, places / "project" / "data")
    assert fashion_mnist.find_folder() == places / "project" / "data"


def test_where_nothing_is_found_all_places_are_named(places):
    with pytest.raises(DataError) as caught:
        fashion_mnist.find_folder()
    assert f"not in {places / 'project' / 'data'} nor in {places / 'debian'} nor in " in str(caught.value)


# Loading.


def test_what_was_written_is_loaded(drawn_folder, drawn):
    found = fashion_mnist.load()
    assert np.array_equal(found.train.images, drawn.train.images)
    assert np.array_equal(found.test.labels, drawn.test.labels)


def test_unpacked_files_are_accepted(drawn_folder, drawn):
    for name in NAMES:
        packed = drawn_folder / f"{name}.gz"
        (drawn_folder / name).write_bytes(gzip.decompress(packed.read_bytes()))
        packed.unlink()
    assert np.array_equal(fashion_mnist.load().train.images, drawn.train.images)


@pytest.mark.parametrize("below", [each for each in sources.FOLDERS if each])
def test_the_folders_of_those_who_hand_it_out_are_known(drawn_folder, drawn, tmp_path, monkeypatch, below):
    """Torchvision's with unpacked files beside the packed ones, Keras', the authors' repository."""
    (tmp_path / "root" / below).parent.mkdir(parents=True)
    shutil.move(drawn_folder, tmp_path / "root" / below)
    monkeypatch.setenv("FMEXPLORE_DATA", str(tmp_path / "root"))
    assert fashion_mnist.find_folder() == tmp_path / "root" / below
    assert np.array_equal(fashion_mnist.load().test.images, drawn.test.images)


def test_keras_own_folder_is_looked_at_last(drawn_folder, places, monkeypatch):
    monkeypatch.setenv("HOME", str(places))
    monkeypatch.setenv("USERPROFILE", str(places))
    keras = places / ".keras" / "datasets" / "fashion-mnist"
    shutil.copytree(drawn_folder, keras)
    assert fashion_mnist.find_folder() == keras
    shutil.copytree(drawn_folder, places / "debian")
    assert fashion_mnist.find_folder() == places / "debian"


def test_names_with_a_dot_and_files_named_for_what_they_are_not_are_read(drawn_folder, drawn):
    for number, name in enumerate(NAMES):
        packed = drawn_folder / f"{name}.gz"
        content = packed.read_bytes()
        packed.unlink()
        dotted = name.replace("-idx", ".idx")
        if number % 2:
            (drawn_folder / f"{dotted}.gz").write_bytes(gzip.decompress(content))
        else:
            (drawn_folder / dotted).write_bytes(content)
    assert np.array_equal(fashion_mnist.load().test.labels, drawn.test.labels)


@pytest.fixture
def shuffled(drawn_folder, drawn, tmp_path, monkeypatch):
    """The drawn data set in another order, with the file that knows the right one; the idx files are gone."""
    order, draw = tmp_path / "order.npz", np.random.default_rng(0)
    monkeypatch.setattr(sources, "ORDER", order)
    parts = {"train": drawn.train, "test": drawn.test}
    np.savez(order, **{name: sources.sort_by_digest(part.images, part.labels) for name, part in parts.items()})
    for path in drawn_folder.iterdir():
        path.unlink()
    found = {}
    for name, part in parts.items():
        rows = draw.permutation(len(part))
        found |= {f"x_{name}": part.images[rows], f"y_{name}": part.labels[rows]}
    return found


def write_npz(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    np.savez_compressed(folder / "fashion.npz", **arrays)


def write_tables(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    for part in ("train", "test"):
        rows = np.column_stack([arrays[f"y_{part}"], arrays[f"x_{part}"].reshape(len(arrays[f"y_{part}"]), -1)])
        head = ",".join(["label", *(f"pixel{number}" for number in range(1, 785))])
        np.savetxt(folder / f"fashion-mnist_{part}.csv", rows, "%d", ",", header=head, comments="")


@pytest.mark.parametrize("write", [write_npz, write_tables])
def test_arrays_and_tables_are_put_into_the_right_order_or_refused(drawn_folder, drawn, shuffled, write):
    write(drawn_folder, shuffled)
    assert fashion_mnist.find_folder() == drawn_folder
    found = fashion_mnist.load()
    assert found.digest == drawn.digest
    assert np.array_equal(found.train.labels, drawn.train.labels)
    shuffled["x_test"][3, 5, 5] ^= 1
    write(drawn_folder, shuffled)
    assert "its SHA-256 differs" in load_error(drawn_folder)
    shuffled["x_test"], shuffled["y_test"] = shuffled["x_test"][1:], shuffled["y_test"][1:]
    write(drawn_folder, shuffled)
    assert "159 images and 159 labels instead of 160" in load_error(drawn_folder)


def test_an_npz_of_something_else_is_no_data_set(drawn_folder, shuffled):
    np.savez(drawn_folder / "map.npz", coordinates=np.zeros((3, 2)))
    (drawn_folder / "broken.npz").write_bytes(b"PK")
    with pytest.raises(DataError, match="Fashion-MNIST is not in it"):
        fashion_mnist.find_folder()


def test_broken_arrays_and_tables_are_named(drawn_folder, shuffled):
    write_tables(drawn_folder, shuffled)
    path = drawn_folder / "fashion-mnist_test.csv"
    path.write_text(path.read_text()[:-3000] + "x\n")
    assert load_error(drawn_folder).startswith(f"{path} is broken or cut off")
    write_npz(drawn_folder, shuffled)
    path = drawn_folder / "fashion.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)
    assert load_error(drawn_folder).startswith(f"{path} is broken or cut off")


@pytest.mark.real
def test_the_order_that_is_kept_is_that_of_the_real_data_set(real):
    for name, part in (("train", real.train), ("test", real.test)):
        rows = np.random.default_rng(1).permutation(len(part))
        images, labels = sources.put_in_order(name, part.images[rows], part.labels[rows])
        assert np.array_equal(images, part.images)
        assert np.array_equal(labels, part.labels)


def test_files_that_were_found_whole_are_looked_at_again_only_when_they_change(drawn_folder, monkeypatch):
    fashion_mnist.check()
    monkeypatch.setattr(fashion_mnist, "load", lambda: pytest.fail("read again"))
    fashion_mnist.check()


def test_files_that_were_damaged_since_are_named(drawn_folder):
    fashion_mnist.check()
    rewrite(drawn_folder, TRAIN_LABELS, with_byte(100, 46))
    with pytest.raises(DataError, match="has the label 46"):
        fashion_mnist.check()


def test_loaded_arrays_cannot_be_written(drawn_folder):
    found = fashion_mnist.load()
    for values in (found.train.images, found.train.labels, found.test.images, found.test.labels):
        with pytest.raises(ValueError, match="read-only"):
            values[0] = 1


def test_taken_images_are_a_read_only_copy(drawn):
    few = drawn.train.take(np.array([3, 5]))
    assert len(few) == 2
    assert not np.shares_memory(few.images, drawn.train.images)
    with pytest.raises(ValueError, match="read-only"):
        few.labels[0] = 1


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file_is_named(drawn_folder, name):
    (drawn_folder / f"{name}.gz").unlink()
    check_error(drawn_folder, name, "is missing")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kept", [0.0, 0.001, 0.5, 0.999])
def test_a_cut_off_gz_is_named(drawn_folder, name, kept):
    path = drawn_folder / f"{name}.gz"
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    check_error(drawn_folder, name, "delete it, then")


@pytest.mark.parametrize("name", NAMES)
def test_cut_off_content_is_named_with_the_number_of_values(drawn_folder, name):
    rewrite(drawn_folder, name, lambda raw: raw[:-10])
    size = int(np.prod(fashion_mnist.FILES[name].shape))
    check_error(drawn_folder, name, f"holds {size - 10:,} values instead of {size:,}")


def test_images_in_place_of_labels_are_named(drawn_folder):
    shutil.copy(drawn_folder / "t10k-images-idx3-ubyte.gz", drawn_folder / f"{TEST_LABELS}.gz")
    check_error(drawn_folder, TEST_LABELS, "its header differs; swapped files?")


def test_training_labels_in_place_of_test_labels_are_named(drawn_folder):
    shutil.copy(drawn_folder / f"{TRAIN_LABELS}.gz", drawn_folder / f"{TEST_LABELS}.gz")
    check_error(drawn_folder, TEST_LABELS, "its header differs; swapped files?")


def test_labels_of_another_data_set_are_named(drawn_folder):
    rewrite(drawn_folder, TRAIN_LABELS, with_byte(100, 46))
    check_error(drawn_folder, TRAIN_LABELS, "has the label 46, and labels go from 0 to 9")


@pytest.mark.parametrize("name", NAMES)
def test_one_changed_byte_of_content_is_found(drawn_folder, name):
    rewrite(drawn_folder, name, lambda raw: with_byte(60, (raw[60] + 1) % 10)(raw))
    check_error(drawn_folder, name, "its SHA-256 differs")


def test_one_changed_byte_of_a_gz_never_gives_other_images(drawn_folder):
    path = drawn_folder / f"{TEST_LABELS}.gz"
    whole, wanted = path.read_bytes(), fashion_mnist.load().test.labels
    refused = 0
    for position in range(len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x15]) + whole[position + 1 :])
        try:
            assert np.array_equal(fashion_mnist.load().test.labels, wanted)  # as in the time stamp of the gz header
        except DataError as error:
            refused += 1
            assert str(path) in str(error)
    assert refused >= len(whole) - 8


def test_a_text_in_place_of_a_gz_is_named(drawn_folder):
    (drawn_folder / f"{TEST_LABELS}.gz").write_text("<html>404</html>")
    check_error(drawn_folder, TEST_LABELS, "is broken or cut off")


@pytest.mark.real
def test_the_real_data_set_loads(real):
    assert real.train.images.shape == (60000, 28, 28)
    assert real.test.images.shape == (10000, 28, 28)
    assert np.bincount(real.train.labels).tolist() == [6000] * 10
    assert np.bincount(real.test.labels).tolist() == [1000] * 10
    assert real.train.images.max() == 255


@pytest.mark.real
def test_the_scaling_of_networks_is_that_of_the_real_pixels(real):
    from fmexplore.models.networks import DEVIATION, MEAN

    pixels = real.train.images / 255
    assert pixels.mean() == pytest.approx(MEAN, abs=5e-5)
    assert pixels.std() == pytest.approx(DEVIATION, abs=5e-5)


# Dividing.


def test_a_share_is_held_out_and_nothing_is_in_both_parts(drawn):
    numbered = np.arange(640, dtype=np.uint16).view(np.uint8).reshape(640, 2)
    images = np.zeros((640, 28, 28), np.uint8)
    images[:, 0, :2] = numbered
    train, validation = fashion_mnist.DataSet(
        fashion_mnist.Split(images, drawn.train.labels.copy()), drawn.test
    ).divide(SplitConfig("share", 0.25))
    assert validation is not None
    assert (len(train), len(validation)) == (480, 160)
    seen = [tuple(image[0, :2]) for part in (train, validation) for image in part.images]
    assert len(set(seen)) == 640


def test_the_same_images_are_held_out_whatever_the_random_state(drawn):
    before = drawn.divide(SplitConfig("share", 0.1))[1]
    np.random.default_rng().random()
    np.random.seed(7)
    after = drawn.divide(SplitConfig("share", 0.1))[1]
    assert np.array_equal(before.images, after.images)
    assert np.array_equal(before.labels, after.labels)


def test_held_out_images_are_not_just_the_first_or_last(drawn):
    validation = drawn.divide(SplitConfig("share", 0.25))[1]
    assert not np.array_equal(validation.images, drawn.train.images[:160])
    assert not np.array_equal(validation.images, drawn.train.images[-160:])
    assert set(validation.labels) == set(range(10))


def test_without_validation_all_images_are_trained_on(drawn):
    assert drawn.divide(SplitConfig("none", 0.25)) == (drawn.train, None)


def test_validation_on_the_test_set_is_the_test_set(drawn):
    assert drawn.divide(SplitConfig("test", 0.25)) == (drawn.train, drawn.test)


def test_a_part_is_half_of_the_data_set(drawn):
    assert drawn.part("train") is drawn.train
    assert drawn.part("test") is drawn.test


@pytest.mark.parametrize("share", [0.1, 0.25, 1 / 3])
def test_a_share_divides_the_numbers_of_the_training_images_in_two(drawn, share):
    part, training = drawn.locate("train", SplitConfig("share", share))
    other, validation = drawn.locate("validation", SplitConfig("share", share))
    assert (part, other) == ("train", "train")
    assert sorted([*training, *validation]) == list(range(640))
    assert len(validation) == round(640 * share)
    for numbers in (training, validation):
        assert np.all(np.diff(numbers) > 0)


def test_a_share_too_small_for_one_image_holds_out_one(drawn):
    assert len(drawn.locate("validation", SplitConfig("share", 1e-9))[1]) == 1


@pytest.mark.parametrize("validation", ["share", "none", "test"])
def test_the_test_images_are_all_of_the_test_part_for_every_run(drawn, validation):
    part, numbers = drawn.locate("test", SplitConfig(validation, 0.1))
    assert part == "test"
    assert numbers.tolist() == list(range(160))


@pytest.mark.parametrize("validation", ["none", "test"])
def test_a_run_without_a_share_trains_on_all_of_the_training_part(drawn, validation):
    part, numbers = drawn.locate("train", SplitConfig(validation, 0.1))
    assert part == "train"
    assert numbers.tolist() == list(range(640))


def test_where_validation_images_lie_depends_on_how_a_run_validates(drawn):
    assert drawn.locate("validation", SplitConfig("none", 0.1)) is None
    part, numbers = drawn.locate("validation", SplitConfig("test", 0.1))
    assert (part, numbers.tolist()) == ("test", list(range(160)))


@pytest.mark.parametrize("split", ["train", "validation", "test"])
@pytest.mark.parametrize("validation", ["share", "test"])
def test_selected_images_are_those_that_were_located(drawn, split, validation):
    part, numbers = drawn.locate(split, SplitConfig(validation, 0.1))
    found = drawn.select(split, SplitConfig(validation, 0.1))
    assert np.array_equal(found.images, drawn.part(part).images[numbers])
    assert np.array_equal(found.labels, drawn.part(part).labels[numbers])


def test_a_whole_part_is_selected_without_a_copy_and_no_images_as_none(drawn):
    assert drawn.select("train", SplitConfig("none", 0.1)) is drawn.train
    assert drawn.select("validation", SplitConfig("test", 0.1)) is drawn.test
    assert drawn.select("validation", SplitConfig("none", 0.1)) is None


@pytest.mark.parametrize("validation", ["share", "none", "test"])
def test_dividing_is_selecting_both_parts(drawn, validation):
    for found, split in zip(drawn.divide(SplitConfig(validation, 0.1)), ("train", "validation"), strict=True):
        wanted = drawn.select(split, SplitConfig(validation, 0.1))
        assert (found is None) == (wanted is None)
        if found is not None:
            assert np.array_equal(found.images, wanted.images)


def test_every_class_has_its_plural_and_one_group():
    assert len(fashion_mnist.PLURALS) == len(fashion_mnist.CLASS_NAMES) == 10
    assert sorted(label for group in fashion_mnist.GROUPS.values() for label in group) == list(range(10))


# Targets, and extra images.


def soft(count: int) -> fashion_mnist.Split:
    """Bright images, each with a target of its own: more and more of class 3, the rest of class 8."""
    targets = np.zeros((count, 10), np.float32)
    targets[:, 3] = np.arange(count) / count
    targets[:, 8] = 1 - targets[:, 3]
    return fashion_mnist.Split(np.full((count, 28, 28), 250, np.uint8), targets.argmax(1).astype(np.uint8), targets)


def test_labels_mean_targets_of_their_own(drawn):
    few = drawn.train.take(np.array([3, 15, 0]))
    assert few.targets is None
    assert few.known_targets().dtype == np.float32
    assert few.known_targets().tolist() == np.eye(10)[[3, 5, 0]].tolist()


def test_known_targets_are_the_given_ones_and_cannot_be_written():
    split = soft(8)
    assert split.known_targets() is split.targets
    with pytest.raises(ValueError, match="read-only"):
        split.targets[0] = 0


def test_targets_are_taken_with_their_images():
    split = soft(8)
    assert np.array_equal(split.take(np.array([5, 1])).targets, split.targets[[5, 1]])


def test_joined_splits_follow_each_other_with_the_targets_of_both(drawn):
    few, extra = drawn.train.take(np.arange(4)), soft(8)
    for first, second in ((few, extra), (extra, few), (few, few)):
        joined = first.join(second)
        assert np.array_equal(joined.images, np.concatenate([first.images, second.images]))
        assert np.array_equal(joined.labels, np.concatenate([first.labels, second.labels]))
        wanted = np.concatenate([first.known_targets(), second.known_targets()])
        assert np.array_equal(joined.targets, wanted)
        assert joined.targets.dtype == np.float32


@pytest.mark.parametrize("validation", ["share", "none", "test"])
def test_extra_images_are_learnt_from_and_nothing_else(drawn, validation):
    with_extra = fashion_mnist.DataSet(drawn.train, drawn.test, soft(8))
    training, held_out = with_extra.divide(SplitConfig(validation, 0.1))
    plain, wanted = drawn.divide(SplitConfig(validation, 0.1))
    assert len(training) == len(plain) + 8
    assert np.array_equal(training.images[:-8], plain.images)
    assert np.array_equal(training.images[-8:], soft(8).images)
    assert np.array_equal(training.known_targets()[-8:], soft(8).targets)
    assert (held_out is None) == (wanted is None)
    if held_out is not None:
        assert np.array_equal(held_out.images, wanted.images)
        assert held_out.targets is None


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_extra_images_are_in_no_split_that_is_looked_at(drawn, split):
    with_extra = fashion_mnist.DataSet(drawn.train, drawn.test, soft(8))
    config = SplitConfig("share", 0.1)
    assert with_extra.locate(split, config)[1].tolist() == drawn.locate(split, config)[1].tolist()
    assert np.array_equal(with_extra.select(split, config).images, drawn.select(split, config).images)


def test_a_folder_with_some_of_the_files_does_not_hide_a_whole_one(drawn_folder, places):
    shutil.copytree(drawn_folder, places / "debian")
    part = places / "project" / "data"
    shutil.copytree(drawn_folder, part)
    (part / "t10k-labels-idx1-ubyte.gz").unlink()
    assert fashion_mnist.find_folder() == places / "debian"
    shutil.rmtree(places / "debian")
    with pytest.raises(DataError, match=r"data.t10k-labels-idx1-ubyte\.gz is missing"):
        fashion_mnist.find_folder()
