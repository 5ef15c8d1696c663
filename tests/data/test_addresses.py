"""The addresses of an image: every way there and back, for data sets of any size."""

import doctest

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fmexplore.data import addresses as module
from fmexplore.data.addresses import Addresses, Members, find_position, find_positions

ADDRESSES = st.builds(Addresses, train=st.integers(1, 70_000), test=st.integers(1, 20_000))
ASCENDING = st.sets(st.integers(0, 70_000), max_size=40).map(lambda some: np.array(sorted(some), int))
PARTS = st.sampled_from(["train", "test"])


@st.composite
def images(draw) -> tuple[Addresses, str, int]:
    """A data set, a part of it and the number of an image there."""
    addresses, part = draw(ADDRESSES), draw(PARTS)
    return addresses, part, draw(st.integers(0, getattr(addresses, part) - 1))


def test_ids_of_the_real_data_set_are_those_of_stored_maps_and_old_links():
    real = Addresses(60_000, 10_000)
    assert [real.id("train", 59_999), real.id("test", 0), real.id("test", 9_999), len(real)] == [
        59_999,
        60_000,
        69_999,
        70_000,
    ]


def test_the_drawn_data_set_has_ids_of_its_own_size(drawn):
    assert drawn.addresses == Addresses(640, 160)
    assert np.array_equal(drawn.images_of(np.array([640 + 7, 3])), [drawn.test.images[7], drawn.train.images[3]])
    assert drawn.labels_of(np.array([640 + 7, 3])).tolist() == [drawn.test.labels[7], drawn.train.labels[3]]


@given(images())
def test_part_and_number_come_back_from_the_id(image):
    addresses, part, number = image
    image_id = addresses.id(part, number)
    assert addresses.part_and_number(image_id) == (part, number)
    assert 0 <= image_id < len(addresses)


@given(ADDRESSES, st.data())
def test_ids_come_back_from_part_and_number_and_no_two_images_share_one(addresses, data):
    image_id = data.draw(st.integers(0, len(addresses) - 1))
    assert addresses.id(*addresses.part_and_number(image_id)) == image_id


@given(images())
def test_the_name_in_a_link_is_the_number_or_with_both_parts_the_id(image):
    addresses, part, number = image
    image_id = addresses.id(part, number)
    assert addresses.name(part, image_id) == addresses.name("validation", image_id) == number
    assert addresses.name("all", image_id) == image_id
    assert addresses.id(part, addresses.name(part, image_id)) == image_id
    assert max(addresses.name(part, image_id), 0) < addresses.name_count(part)
    assert addresses.name("all", image_id) < addresses.name_count("all")


@given(ADDRESSES, PARTS, ASCENDING)
def test_many_at_once_are_as_one_by_one(addresses, part, numbers):
    numbers = numbers[numbers < getattr(addresses, part)]
    ids = addresses.ids(part, numbers)
    assert ids.tolist() == [addresses.id(part, int(number)) for number in numbers]
    for split in (part, "validation", "all"):
        assert addresses.names(split, ids).tolist() == [addresses.name(split, int(each)) for each in ids]
    assert addresses.ids("all", addresses.names("all", ids)).tolist() == ids.tolist()


@given(st.integers(1, 30), st.integers(1, 30), st.data())
def test_what_is_gathered_is_what_both_parts_in_a_row_hold(train, test, data):
    addresses = Addresses(train, test)
    first, second = np.arange(train) * 2, 1000 + np.arange(test)
    ids = np.array(data.draw(st.lists(st.integers(0, train + test - 1))), int)
    found = addresses.gather(ids, first, second)
    assert found.tolist() == np.concatenate([first, second])[ids].tolist()
    assert found.dtype == first.dtype


@pytest.mark.parametrize("image_id", [5, 1000])
def test_the_id_of_no_image_is_refused(image_id):
    with pytest.raises(IndexError):
        Addresses(3, 2).gather(np.array([0, image_id]), np.arange(3), np.arange(2))


@given(ASCENDING, st.lists(st.integers(-5, 70_005)))
def test_positions_lead_back_to_what_was_sought_and_are_minus_one_for_the_rest(among, wanted):
    found = find_positions(among, np.array(wanted, int))
    assert [value for value, place in zip(wanted, found, strict=True) if place >= 0] == among[
        found[found >= 0]
    ].tolist()
    assert (found >= 0).tolist() == [value in among for value in wanted]
    assert [find_position(among, value) for value in wanted] == [None if place < 0 else place for place in found]


@pytest.mark.parametrize("number", [10**30, -(10**30)])
def test_a_number_beyond_all_integers_of_the_machine_is_not_there(number):
    assert find_position(np.arange(5), number) is None


@given(ASCENDING, PARTS, PARTS, st.integers(0, 70_000))
def test_an_image_is_in_a_split_by_part_and_number(numbers, part, other, number):
    place = Members(part, numbers).position(other, number)
    assert (place is not None) == (part == other and number in numbers)
    if place is not None:
        assert numbers[place] == number


def test_the_examples_in_the_module_are_true():
    found = doctest.testmod(module)
    assert found.attempted > 3
    assert not found.failed
