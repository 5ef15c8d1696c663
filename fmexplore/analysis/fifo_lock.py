"""A lock for threads that is given in the order in which it was asked for. Knows nothing of what they do."""

import threading


class FifoLock:
    """Whoever is first in the queue holds the lock. Who stands in it is named by a number."""

    def __init__(self) -> None:
        self._queue: list[int] = []
        self._changed = threading.Condition()

    def enqueue(self, number: int) -> None:
        """Take a place at the end of the queue."""
        with self._changed:
            self._queue.append(number)

    def acquire(self, number: int) -> None:
        """Wait until all who stand before have released it."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue[0] == number)

    def release(self, number: int) -> None:
        """Leave the queue, so that the next one holds the lock."""
        with self._changed:
            self._queue.remove(number)
            self._changed.notify_all()
