"""A line in which threads wait for their turn. Knows nothing of what they do."""

import threading


class Line:
    """A line of people: whoever is at its head has the turn, first come, first served. For threads."""

    def __init__(self) -> None:
        self._line: list[int] = []
        self._changed = threading.Condition()

    def join(self, number: int) -> None:
        """Stand at the end."""
        with self._changed:
            self._line.append(number)

    def wait(self, number: int) -> None:
        """Until all who stand before have left."""
        with self._changed:
            self._changed.wait_for(lambda: self._line[0] == number)

    def leave(self, number: int) -> None:
        """Let the next have the turn."""
        with self._changed:
            self._line.remove(number)
            self._changed.notify_all()
