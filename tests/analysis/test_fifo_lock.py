"""The lock that threads get in the order in which they asked for it."""

import threading

from fmexplore.analysis.fifo_lock import FifoLock


def test_whoever_was_enqueued_first_goes_first_in_whatever_order_the_threads_start():
    lock, served = FifoLock(), []

    def serve(number: int) -> None:
        lock.acquire(number)
        served.append(number)
        lock.release(number)

    numbers = list(range(20))
    for number in numbers:
        lock.enqueue(number)
    threads = [threading.Thread(target=serve, args=(number,)) for number in reversed(numbers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert served == numbers


def test_who_releases_and_is_enqueued_again_comes_after_those_who_waited():
    lock = FifoLock()
    lock.enqueue(1)
    lock.enqueue(2)
    lock.acquire(1)
    lock.release(1)
    lock.enqueue(1)
    lock.acquire(2)
    lock.release(2)
    lock.acquire(1)
