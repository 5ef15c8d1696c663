"""Labelled photos: labels.csv read, broken lines named, targets, and whole people held out."""

import numpy as np
import pytest

from fmexplore.errors import PhotoError
from fmexplore.photos.labelled import LabelledPhoto, hold_out, read_folder

FILES = ("a.jpg", "b.jpg", "c.png")


@pytest.fixture
def folder(tmp_path):
    """A folder of photos, as far as their names go."""
    for name in FILES:
        (tmp_path / name).write_bytes(b"")
    return tmp_path


def write(folder, *lines: str, header: str = "file,fmnist,lenient,sender") -> None:
    (folder / "labels.csv").write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")


def error_of(folder) -> str:
    with pytest.raises(PhotoError) as caught:
        read_folder(folder)
    return str(caught.value)


def photo(*labels: int, lenient: tuple[int, ...] = (), sender: str = "") -> LabelledPhoto:
    return LabelledPhoto(None, frozenset(labels), frozenset(lenient), sender)


def taken_by(**counts: int) -> list[LabelledPhoto]:
    return [photo(0, sender=sender) for sender, count in counts.items() for _ in range(count)]


# Reading.


def test_labels_are_read_in_the_order_of_the_lines(folder):
    write(folder, "b.jpg,3,,ann", "a.jpg,5|7|9,8|2,bob", "c.png,ood,,")
    assert read_folder(folder) == [
        LabelledPhoto(folder / "b.jpg", frozenset({3}), frozenset(), "ann"),
        LabelledPhoto(folder / "a.jpg", frozenset({5, 7, 9}), frozenset({2, 8}), "bob"),
        LabelledPhoto(folder / "c.png", frozenset(), frozenset(), ""),
    ]


def test_two_columns_are_enough_and_others_are_ignored(folder):
    write(folder, "shop,0,b.jpg", header="place,fmnist,file")
    assert read_folder(folder) == [LabelledPhoto(folder / "b.jpg", frozenset({0}))]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_a_file_that_a_spreadsheet_has_saved_is_read(folder, encoding):
    (folder / "hémd.jpg").write_bytes(b"")
    (folder / "labels.csv").write_bytes("file;fmnist;lenient\r\nhémd.jpg; 4;2 | 6 \r\n".encode(encoding))
    assert read_folder(folder) == [LabelledPhoto(folder / "hémd.jpg", frozenset({4}), frozenset({2, 6}))]


def test_what_is_none_of_the_ten_has_no_labels_not_even_lenient_ones(folder):
    write(folder, "a.jpg,ood,3,ann", "b.jpg,0,,ann")
    assert [each.known for each in read_folder(folder)] == [False, True]
    assert read_folder(folder)[0].lenient == frozenset()


def test_a_photo_may_lie_in_a_folder_of_its_own(folder):
    (folder / "more").mkdir()
    (folder / "more" / "d.jpg").write_bytes(b"")
    write(folder, "more/d.jpg,1,,")
    assert read_folder(folder)[0].path == folder / "more" / "d.jpg"


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("b.jpg,10,,", "'10'"),
        ("b.jpg,-1,,", "'-1'"),
        ("b.jpg,shirt,,", "'shirt'"),
        ("b.jpg,5|,,", "'5|'"),
        ("b.jpg,5;7,,", "'5;7'"),
        ("b.jpg,3.0,,", "'3.0'"),
        ("b.jpg,0,12,", "'12'"),
        ("b.jpg,0,ood,", "'ood'"),
    ],
)
def test_a_label_that_is_none_is_named_with_its_line(folder, line, value):
    write(folder, "a.jpg,1,,", line)
    error = error_of(folder)
    assert error.startswith(f"{folder / 'labels.csv'}, line 3: the label {value} should be 0 to 9")
    assert error.endswith("several as in 5|7|9, or ood.")


@pytest.mark.parametrize("line", ["b.jpg,,,", "b.jpg"])
def test_a_photo_without_a_label_is_named_and_not_taken_for_none_of_the_ten(folder, line):
    write(folder, "a.jpg,1,,", line)
    error = error_of(folder)
    assert error.startswith(f"{folder / 'labels.csv'}, line 3: b.jpg has no label")
    assert error.endswith("or ood.")


@pytest.mark.parametrize(("name", "said"), [("d.jpg", "'d.jpg'"), ("", "''"), ("more", "'more'")])
def test_a_photo_that_is_not_there_is_named_with_its_line(folder, name, said):
    (folder / "more").mkdir()
    write(folder, "a.jpg,1,,", "b.jpg,1,,", f"{name},1,,")
    assert error_of(folder) == f"{folder / 'labels.csv'}, line 4: there is no file {said} in {folder}."


def test_a_name_that_is_too_long_for_a_file_is_shortened_in_its_message(folder):
    write(folder, f"{'x' * 5000}.jpg,1,,")
    error = error_of(folder)
    assert "line 2: there is no file 'xxx" in error
    assert len(error) < 200 + 2 * len(str(folder))


@pytest.mark.parametrize("header", ["file,label", "name,fmnist", "file fmnist"])
def test_columns_that_are_missing_are_asked_for(folder, header):
    write(folder, "a.jpg,1", header=header)
    assert error_of(folder) == f"{folder / 'labels.csv'} needs the columns file and fmnist, and at least one photo."


def test_a_folder_without_photos_says_so(folder):
    write(folder)
    assert "at least one photo" in error_of(folder)


def test_a_folder_without_labels_says_what_they_should_be(folder):
    error = error_of(folder)
    assert error.startswith(f"{folder / 'labels.csv'} cannot be read (")
    assert error.endswith("it should name each photo's file and fmnist label.")


def test_labels_that_are_no_text_are_named(folder):
    (folder / "labels.csv").write_bytes(bytes(range(128, 256)) * 10)
    assert "labels.csv cannot be read" in error_of(folder)


# Targets.


def test_a_target_is_one_label_or_all_of_several_alike():
    assert photo(3).target().tolist() == np.eye(10)[3].tolist()
    wanted = np.zeros(10)
    wanted[[5, 7, 9]] = 1 / 3
    found = photo(5, 7, 9).target()
    assert found == pytest.approx(wanted)
    assert found.dtype == np.float32


def test_labels_that_are_only_lenient_get_the_given_share_together():
    wanted = np.zeros(10)
    wanted[[0, 2, 6]] = 0.8, 0.1, 0.1
    assert photo(0, lenient=(2, 6)).target(0.2) == pytest.approx(wanted)
    assert photo(0, lenient=(2, 6)).target() == pytest.approx(np.eye(10)[0])


def test_a_label_that_is_right_and_lenient_is_right():
    assert photo(0, lenient=(0,)).target(0.2) == pytest.approx(np.eye(10)[0])
    assert photo(0, lenient=(0, 2)).target(0.2) == pytest.approx([0.8, 0, 0.2, *[0] * 7])


def test_of_what_is_none_of_the_ten_all_is_alike():
    assert photo().target() == pytest.approx(np.full(10, 0.1))
    assert photo().target(0.3) == pytest.approx(np.full(10, 0.1))


# Holding out.


def people(count: int, most: int = 6, seed: int = 0) -> list[LabelledPhoto]:
    """Photos of so many people, 1 to `most` of each, in no order."""
    rng = np.random.default_rng(seed)
    senders = np.repeat(np.arange(count), rng.integers(1, most + 1, count))
    return [photo(0, sender=f"person {number}") for number in rng.permutation(senders)]


@pytest.mark.parametrize("share", [0.1, 0.15, 0.3])
def test_about_the_share_is_held_out(share):
    photos = people(200)
    apart = hold_out(photos, share)
    assert apart.dtype == bool
    assert share * len(photos) <= apart.sum() < share * len(photos) + 6


def test_all_photos_of_a_person_are_on_the_same_side():
    photos = people(100)
    apart = hold_out(photos)
    sides = [{each.sender for each, out in zip(photos, apart, strict=True) if out == side} for side in (True, False)]
    assert sides[0]
    assert sides[1]
    assert not sides[0] & sides[1]


def test_the_same_people_are_held_out_every_time_and_others_with_another_seed():
    photos = people(100)
    assert np.array_equal(hold_out(photos), hold_out(photos))
    assert not np.array_equal(hold_out(photos), hold_out(photos, seed=1))


def test_the_same_people_are_held_out_whatever_the_order_of_their_photos():
    photos = people(100)
    held = {each.sender for each, out in zip(photos, hold_out(photos), strict=True) if out}
    back = photos[::-1]
    assert held == {each.sender for each, out in zip(back, hold_out(back), strict=True) if out}


@pytest.mark.parametrize("seed", range(10))
def test_nobody_is_held_out_who_took_more_than_a_fifth_of_what_is(seed):
    """100 photos, 15 held out: 3 of one person are allowed."""
    photos = taken_by(ann=40, bob=4, **{f"few{i}": 3 for i in range(12)}, **{f"one{i}": 1 for i in range(20)})
    assert len(photos) == 100
    held = [each.sender for each, out in zip(photos, hold_out(photos, seed=seed), strict=True) if out]
    assert not {"ann", "bob"} & set(held)
    assert 15 <= len(held) < 18


def test_somebody_with_exactly_a_fifth_can_be_held_out():
    photos = taken_by(**{f"few{i}": 3 for i in range(33)}, last=1)
    assert hold_out(photos).sum() >= 15


def test_where_one_person_took_all_photos_none_are_held_out():
    assert not hold_out(taken_by(ann=50)).any()


def test_the_line_that_is_named_is_that_of_the_file(folder):
    write(folder, "a.jpg,1,,", "", "b.jpg,12,,")
    assert "labels.csv, line 4: the label '12'" in error_of(folder)
