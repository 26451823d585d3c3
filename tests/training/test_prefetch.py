import threading
import time

import pytest

from wordgate.training.prefetch import prefetch


def test_items_come_in_order_from_another_thread():
    def threads():
        for number in range(5):
            yield number, threading.current_thread()

    with prefetch(threads(), threads=2) as items:
        drawn = list(items)
    assert [number for number, _ in drawn] == [0, 1, 2, 3, 4]
    assert threading.main_thread() not in {thread for _, thread in drawn}


def test_the_next_item_is_made_while_one_is_used():
    made = threading.Event()

    def items():
        yield "first"
        made.set()
        yield "second"

    with prefetch(items(), threads=2) as drawn:
        assert next(drawn) == "first"
        assert made.wait(timeout=60.0)


def test_it_is_never_more_than_one_ahead():
    count = []

    def items():
        for number in range(10):
            count.append(number)
            yield number

    with prefetch(items(), threads=2) as drawn:
        next(drawn)
        time.sleep(0.05)
        assert len(count) <= 2


def test_no_thread_is_left_when_the_rest_is_not_wanted():
    before = set(threading.enumerate())
    with prefetch(iter(range(1000)), threads=2) as items:
        next(items)
    assert set(threading.enumerate()) <= before


def test_an_error_is_raised_where_the_item_is_asked_for():
    def items():
        yield 1
        raise ValueError("no second")

    with prefetch(items(), threads=2) as drawn:
        assert next(drawn) == 1
        with pytest.raises(ValueError, match="no second"):
            next(drawn)


def test_with_one_thread_each_item_is_drawn_when_it_is_asked_for():
    drawn = []

    def items():
        for number in range(3):
            drawn.append((number, threading.current_thread()))
            yield number

    with prefetch(items(), threads=1) as given:
        assert drawn == []
        assert next(given) == 0
        assert len(drawn) == 1
        assert list(given) == [1, 2]
    assert {thread for _, thread in drawn} == {threading.current_thread()}
