"""The line in which threads wait for their turn."""

import threading

from fmexplore.analysis.turn_line import Line


def test_whoever_joined_first_goes_first_in_whatever_order_the_threads_start():
    line, served = Line(), []

    def serve(number: int) -> None:
        line.wait(number)
        served.append(number)
        line.leave(number)

    numbers = list(range(20))
    for number in numbers:
        line.join(number)
    threads = [threading.Thread(target=serve, args=(number,)) for number in reversed(numbers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert served == numbers


def test_who_leaves_and_joins_again_comes_after_those_who_waited():
    line = Line()
    line.join(1)
    line.join(2)
    line.wait(1)
    line.leave(1)
    line.join(1)
    line.wait(2)
    line.leave(2)
    line.wait(1)
