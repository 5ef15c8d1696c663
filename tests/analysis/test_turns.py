"""Fair turns, with threads that work one after another and a clock that goes on only while one of them works."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from fmexplore.analysis.turns import FairTurns


class Workshop:
    """Members that each take some slices; `log` says whose slice came when."""

    def __init__(self, places: int = 20, large_places: int = 20) -> None:
        self.now, self.log = 0.0, []
        self.turns = FairTurns(places, large_places, clock=lambda: self.now)
        self.threads = ThreadPoolExecutor(20)
        self.turns.join(-1, ("gate",), lambda: None)  # has the turn until all have come

    def add(self, number: int, *asker: str, slices: int = 1, large: bool = False) -> None:
        self.turns.join(number, asker, lambda: self.threads.submit(self.work, number, slices), large)

    def work(self, number: int, slices: int) -> None:
        for _ in range(slices):
            self.now += 1
            self.log.append(number)
            self.turns.offer(number)
        self.turns.leave(number)

    def open(self) -> list[int]:
        """Let all work until nobody is left."""
        self.turns.leave(-1)
        while self.turns._members:
            with self.turns._changed:
                self.turns._changed.wait(0.01)
        self.threads.shutdown()
        return self.log


@pytest.fixture
def shop() -> Workshop:
    return Workshop()


def test_an_address_with_many_owners_has_no_more_time_than_one_with_a_single_owner(shop):
    for number in range(6):
        shop.add(number, "crowd", f"forged {number}", "tab", slices=5)
    shop.add(6, "home", "ann", "tab", slices=5)
    log = shop.open()
    assert len(log) == 35
    assert max(place for place, number in enumerate(log) if number == 6) < 11


def test_owners_at_one_address_take_turns_and_so_do_the_sessions_of_an_owner(shop):
    shop.add(0, "school", "ann", "tab 1", slices=3)
    shop.add(1, "school", "ann", "tab 2", slices=3)
    shop.add(2, "school", "bob", "tab", slices=3)
    log = shop.open()
    assert sorted(log[:6]) == [0, 0, 1, 2, 2, 2] or sorted(log[:6]) == [0, 1, 1, 2, 2, 2]
    assert set(log[:4]) == {0, 1, 2}


def test_what_one_session_asks_is_done_in_its_order(shop):
    for number in range(3):
        shop.add(number, "home", "ann", "tab", slices=2)
    assert shop.open() == [0, 0, 1, 1, 2, 2]


def test_who_comes_has_no_credit_for_the_time_before(shop):
    """Else whoever comes last would stop all others for as long as they have worked."""
    shop.now = 1000
    shop.add(0, "a", slices=4)
    shop.add(1, "b", slices=4)
    assert shop.open() == [0, 1] * 4


def test_a_question_that_others_ask_too_goes_by_whoever_has_had_least(shop):
    for number in range(5):
        shop.add(number, "crowd", f"forged {number}", slices=2)
    shop.turns.adopt(4, ("home", "ann"))
    assert 4 not in shop.open()[:2], "who asks too has had no less"

    shop = Workshop()
    for number in range(5):
        shop.add(number, "crowd", f"forged {number}", slices=2)
    shop.turns.join(5, ("home", "ann"), lambda: None)
    shop.turns._used["crowd",] = 50
    shop.turns.adopt(4, ("home", "ann"))
    shop.turns.drop(5)
    assert shop.open()[:2] == [4, 4]


def test_large_ones_have_few_places_half_of_them_for_one_address_and_others_begin_beside_them():
    shop = Workshop(places=4, large_places=2)
    for number, (address, large) in enumerate([("a", True), ("a", True), ("b", True), ("c", True), ("a", False)]):
        shop.add(number, address, f"owner {number}", slices=4, large=large)
    log = shop.open()
    first, last = {n: log.index(n) for n in range(5)}, {n: 19 - log[::-1].index(n) for n in range(5)}
    assert first[1] > last[0], "another large one of the same address"
    assert first[3] > min(last[0], last[2]), "a third large one"
    assert max(first[2], first[4]) < 4, "a large one of another address, and a small one"


def test_a_paused_one_gives_up_its_place_and_goes_on_after_those_who_wait(shop):
    begun = []
    turns = FairTurns(2, 1)
    turns.join(0, ("a",), lambda: begun.append(0), large=True)
    assert turns.join(1, ("b",), lambda: begun.append(1), large=True) == 1, "one other is there"
    assert begun == [0]
    turns.pause(0)
    assert begun == [0, 1]
    assert not turns.drop(1), "it has begun"
    turns.leave(1)
    turns.resume(0)
    turns.leave(0)


def test_one_that_has_not_begun_leaves_at_once_and_is_never_begun():
    turns, begun = FairTurns(4, 4), []
    turns.join(0, ("a",), lambda: begun.append(0))
    turns.join(1, ("b",), lambda: begun.append(1))
    assert turns.count(("b",)) == 1
    assert turns.drop(1)
    assert turns.count(("b",)) == 0
    turns.leave(0)
    assert begun == [0]
