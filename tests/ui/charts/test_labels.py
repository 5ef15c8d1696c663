"""Names beside points: which position each gets, and that none covers another."""

import itertools

from hypothesis import given, settings
from hypothesis import strategies as st

from fmexplore.ui.charts.labels import MARK, POSITIONS, _box, _overlap, place_labels

WIDTH, HEIGHT = 300, 200
POINTS = st.lists(
    st.tuples(st.floats(0, WIDTH), st.floats(0, HEIGHT), st.text("abc", min_size=1, max_size=20)), max_size=12
)


@given(POINTS)
def test_no_name_covers_another_name_or_a_foreign_point_or_leaves_the_plot(points):
    places, names = [(x, y) for x, y, _ in points], [name for *_, name in points]
    found = place_labels(places, names, WIDTH, HEIGHT)
    boxes = {n: _box(*places[n], names[n], position, 11) for n, position in enumerate(found) if position}
    assert not any(_overlap(one, other) for one, other in itertools.combinations(boxes.values(), 2))
    for number, (left, top, right, bottom) in boxes.items():
        assert left >= 0
        assert top >= 0
        assert right <= WIDTH
        assert bottom <= HEIGHT
        for other, (x, y) in enumerate(places):
            mark = (x - MARK / 2, y - MARK / 2, x + MARK / 2, y + MARK / 2)
            assert other == number or not _overlap((left, top, right, bottom), mark)


def test_a_name_stands_right_of_its_point_unless_the_plot_ends_there():
    assert place_labels([(50, 50)], ["name"], WIDTH, HEIGHT) == ["middle right"]
    assert place_labels([(WIDTH - 8, 50)], ["name"], WIDTH, HEIGHT) == ["middle left"]
    assert place_labels([(20, 20)], ["name"], 40, 40) == [None]


@settings(deadline=None)
@given(POINTS)
def test_names_have_room_too_in_a_plot_that_becomes_wider(points):
    places, names = [(x, y) for x, y, _ in points], [name for *_, name in points]
    found = place_labels(places, names, WIDTH, HEIGHT, widest=3 * WIDTH)
    for wider in (1, 2.2, 3):
        placed = zip(places, names, found, strict=True)
        boxes = [_box(wider * x, y, name, position, 11) for (x, y), name, position in placed if position]
        assert not any(_overlap(one, other) for one, other in itertools.combinations(boxes, 2))


def test_a_settled_name_stays_and_the_others_keep_off():
    found = place_labels([(50, 50), (50, 50 + MARK)], ["one", "two"], WIDTH, HEIGHT, fixed=["bottom right", None])
    assert found[0] == "bottom right"
    assert found[1] not in (None, "middle right")


def test_a_name_covers_a_line_only_where_it_would_else_have_no_place():
    line = [(x, 50) for x in range(60, 200)]
    assert place_labels([(50, 50)], ["name"], WIDTH, HEIGHT, avoid=line) == ["top center"]
    everywhere = [(x, y) for x in range(0, 120, 3) for y in range(0, 100, 3)]
    assert place_labels([(50, 50)], ["name"], WIDTH, HEIGHT, avoid=everywhere) == [next(iter(POSITIONS))]
