import asyncio
import contextlib
import time

import pytest

from wordgate.serve.responses import HTTPError


async def until(condition):
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.001)


@contextlib.contextmanager
def refused(code):
    with pytest.raises(HTTPError) as caught:
        yield caught
    assert caught.value.code == code


def test_simultaneous_requests_are_predicted_together_and_each_gets_its_own(running, fake_model):
    async def work(app):
        asked = [["a", "bb"], ["ccc"], ["dddd", "e"]]
        return await asyncio.gather(*map(app.batcher.predict, asked))

    answers = running(work, batch_wait=0.05)
    assert fake_model.calls == [["a", "bb", "ccc", "dddd", "e"]]
    assert [[row[0] * 128 for row in rows] for rows in answers] == [[1, 2], [3], [4, 1]]


def test_a_batch_holds_no_more_than_it_may_unless_one_request_does(running, fake_model):
    async def work(app):
        asked = [["a"] * 3, ["b"] * 2, ["c"] * 9, ["d"]]
        await asyncio.gather(*map(app.batcher.predict, asked))

    running(work, batch_wait=0.05, max_batch=5)
    assert fake_model.calls == [["a"] * 3 + ["b"] * 2, ["c"] * 9, ["d"]]


def test_there_is_one_prediction_at_a_time_and_the_event_loop_continues(running, fake_model):
    async def work(app):
        fake_model.hold.clear()
        first = asyncio.create_task(app.batcher.predict(["a"]))
        await until(lambda: fake_model.calls)
        others = [asyncio.create_task(app.batcher.predict([str(n)])) for n in range(20)]
        await asyncio.sleep(0.02)  # which would not come back if the loop waited for the model
        assert fake_model.calls == [["a"]]
        fake_model.hold.set()
        await asyncio.gather(first, *others)

    running(work)
    assert fake_model.most_at_once == 1
    assert fake_model.calls[1:] == [[str(n) for n in range(20)]]


def test_a_full_queue_refuses_and_says_when_to_retry(running, fake_model):
    async def work(app):
        fake_model.hold.clear()
        first = asyncio.create_task(app.batcher.predict(["first"] * 9))
        await until(lambda: fake_model.calls)
        waiting = asyncio.create_task(app.batcher.predict(["b"] * 9))
        await asyncio.sleep(0)
        fits = asyncio.create_task(app.batcher.predict(["c"]))
        await asyncio.sleep(0)
        with refused("overloaded") as caught:
            await app.batcher.predict(["d"])
        with refused("overloaded"):
            app.batcher.refuse_if_full()
        fake_model.hold.set()
        await asyncio.gather(first, waiting, fits)
        app.batcher.refuse_if_full()
        return caught.value

    refusal = running(work, max_queue=10, max_texts=10)
    assert refusal.status == 503
    assert refusal.message == "texts that are already waiting: 10; try again later"
    assert dict(refusal.headers) == {b"retry-after": b"1"}


def test_a_request_that_would_be_late_is_refused_before_the_queue_is_full(running, fake_model):
    async def work(app):
        for _ in range(200):
            app.batcher._throughput.note(1, 1.0)  # a text a second
        fake_model.hold.clear()
        tasks = [asyncio.create_task(app.batcher.predict(["a"]))]
        await until(lambda: fake_model.calls)
        for _ in range(6):
            tasks.append(asyncio.create_task(app.batcher.predict(["b"])))
            await asyncio.sleep(0)
        with refused("overloaded") as caught:
            await app.batcher.predict(["c"])
        fake_model.hold.set()
        await asyncio.gather(*tasks)
        return caught.value

    assert dict(running(work, timeout=10.0).headers) == {b"retry-after": b"6"}


def test_a_late_request_is_refused_and_never_computed(running, fake_model):
    async def work(app):
        fake_model.hold.clear()
        first = asyncio.create_task(app.batcher.predict(["a"]))
        await until(lambda: fake_model.calls)
        with refused("timed_out") as caught:
            await app.batcher.predict(["late"])
        assert app.metrics.exposition().count(b"wordgate_queue_texts 0.0\n") == 1
        fake_model.hold.set()
        with refused("timed_out"):
            await first
        await app.batcher.predict(["b"])
        return caught.value

    assert running(work, timeout=1.0).status == 504
    assert fake_model.calls == [["a"], ["b"]]


def test_a_request_that_fails_takes_no_other_with_it(running, fake_model):
    async def work(app):
        return await asyncio.gather(
            *(app.batcher.predict([text]) for text in ("a", "poison", "b")),
            return_exceptions=True,
        )

    first, failed, last = running(work, batch_wait=0.05)
    assert (len(first), str(failed), len(last)) == (1, "poisoned", 1)


@pytest.mark.parametrize(
    ("text", "cost"),
    [("", 1), ("so good", 3), ("don't!!", 6), ("слово слово", 3), ("我爱你", 4), ("สวัสดี", 7)],
)
def test_an_explanation_counts_as_many_texts_as_it_has_words(running, fake_model, text, cost):
    async def work(app):
        fake_model.hold.clear()
        first = asyncio.create_task(app.batcher.predict(["a"]))
        await until(lambda: fake_model.calls)
        explained = asyncio.create_task(app.batcher.explain(text))
        await asyncio.sleep(0)
        reported = app.metrics.exposition()
        fake_model.hold.set()
        await asyncio.gather(first, explained)
        return reported

    assert f"wordgate_queue_texts {cost}.0\n".encode() in running(work)
    assert fake_model.calls == [["a"], text]
