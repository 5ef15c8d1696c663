"""Whose turn it is: one of several at a time computes, next who has had least. Knows nothing of what they compute."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

Asker = tuple[str, ...]  # from the widest to the narrowest: address, owner, session
SLICE_SECONDS = 1.0  # after which a turn passes to another, if one waits


@dataclass
class _Member:
    asker: Asker
    begin: Callable[[], object]
    large: bool
    begun: bool = False
    waiting: bool = True


class FairTurns:
    """A turn for one of its members at a time, in slices of a second.

    Addresses share the time equally, then the owners at one address, then an owner's sessions; who comes begins where
    those who are there stand. Members that have begun keep what they compute in memory while others have their turn:
    there are at most `places` of them, and `large_places` of large ones, half of these for one address.
    """

    def __init__(self, places: int, large_places: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._places, self._clock = {False: places, True: large_places}, clock
        self._members: dict[int, _Member] = {}  # in the order in which they came
        self._used: dict[Asker, float] = {}  # seconds, of every asker here and of the groups that it belongs to
        self._holder: int | None = None
        self._since = self._charged = 0.0
        self._changed = threading.Condition()

    def join(self, number: int, asker: Asker, begin: Callable[[], object], large: bool = False) -> int:
        """Wait for the first turn, which calls `begin`; says how many others are here if it has not come at once."""
        with self._changed:
            self._charge()
            self._enter(asker)
            self._members[number] = _Member(asker, begin, large)
            self._pass_on()
            return 0 if self._members[number].begun else len(self._members) - 1

    def adopt(self, number: int, asker: Asker) -> None:
        """Somebody else asks for the same: it goes by whichever of them has had less."""
        with self._changed:
            if (member := self._members.get(number)) and member.asker != asker:
                before = member.asker
                self._charge()
                self._enter(asker)
                if self._standing(asker) < self._standing(before):
                    member.asker = asker
                self._forget_absent()

    def offer(self, number: int) -> None:
        """Called by who has the turn, as it goes on: lets others have theirs where that is due."""
        with self._changed:
            if self._clock() - self._since < SLICE_SECONDS or not any(m.waiting for m in self._members.values()):
                return
            self._release(number, waiting=True)
            self._changed.wait_for(lambda: self._holder == number)

    def pause(self, number: int) -> None:
        """Give up the turn without waiting for another; its place is free meanwhile."""
        with self._changed:
            self._release(number, waiting=False)

    def resume(self, number: int) -> None:
        """Wait for a turn again after a pause."""
        with self._changed:
            self._members[number].waiting = True
            self._pass_on()
            self._changed.wait_for(lambda: self._holder == number)

    def leave(self, number: int) -> None:
        """It has ended, or is not wanted any more and has not begun."""
        with self._changed:
            self._charge()
            if self._holder == number:
                self._holder = None
            if self._members.pop(number, None):
                self._forget_absent()
            self._pass_on()

    def drop(self, number: int) -> bool:
        """Leave, if it has not begun; whether it has left."""
        with self._changed:
            if (member := self._members.get(number)) is None or member.begun:
                return False
            self.leave(number)
            return True

    def count(self, asker: Asker) -> int:
        """How many of this asker's are here."""
        with self._changed:
            return sum(member.asker == asker for member in self._members.values())

    def _release(self, number: int, waiting: bool) -> None:
        self._charge()
        self._holder = None
        self._members[number].waiting = waiting
        self._pass_on()

    def _pass_on(self) -> None:
        """Give a free turn to the first of those who wait."""
        if self._holder is not None:
            return
        due = [number for number, member in self._members.items() if member.waiting and self._has_place(member)]
        if not due:
            return
        self._holder = min(due, key=lambda number: self._standing(self._members[number].asker))
        self._since = self._charged = self._clock()
        member = self._members[self._holder]
        member.waiting = False
        if not member.begun:
            member.begun = True
            member.begin()
        self._changed.notify_all()

    def _has_place(self, member: _Member) -> bool:
        if member.begun:
            return True
        there = [m for m in self._members.values() if m.begun and m.large == member.large and self._is_active(m)]
        beside, places = sum(m.asker[:1] == member.asker[:1] for m in there), self._places[member.large]
        return len(there) < places and beside < max(1, places // 2)

    def _is_active(self, member: _Member) -> bool:
        """Whether it has the turn or waits for it; one that is paused keeps nobody waiting."""
        return member.waiting or (self._holder is not None and self._members.get(self._holder) is member)

    def _charge(self) -> None:
        """Count the time of this turn so far."""
        if self._holder is not None:
            now = self._clock()
            for group in _groups(self._members[self._holder].asker):
                self._used[group] += now - self._charged
            self._charged = now

    def _enter(self, asker: Asker) -> None:
        for group in _groups(asker):
            if group not in self._used:
                beside = (used for other, used in self._used.items() if other[:-1] == group[:-1])
                self._used[group] = min(beside, default=0.0)

    def _forget_absent(self) -> None:
        there = {group for member in self._members.values() for group in _groups(member.asker)}
        self._used = {group: used for group, used in self._used.items() if group in there}

    def _standing(self, asker: Asker) -> list[float]:
        return [self._used[group] for group in _groups(asker)]


def _groups(asker: Asker) -> list[Asker]:
    return [asker[: length + 1] for length in range(len(asker))]
