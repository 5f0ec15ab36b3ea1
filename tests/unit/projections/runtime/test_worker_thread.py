"""Every wake-up starts an iteration, and a request to stop ends every wait."""

from threading import Event

from midonet.projections.runtime.worker_thread import WorkerThread

LONG = 30.0


def test_it_rests_until_it_is_woken() -> None:
    turned = Event()

    def work() -> None:
        for _ in loop.iterations():
            turned.set()
            loop.wait(LONG)

    loop = WorkerThread("test", work)
    loop.start()
    assert turned.wait(LONG)
    turned.clear()
    loop.wake()
    assert turned.wait(LONG / 2)
    loop.stop()
    assert loop.stopping()


def test_a_call_in_the_middle_of_a_turn_brings_another_one() -> None:
    begun, called, again = Event(), Event(), Event()

    def work() -> None:
        for _ in loop.iterations():
            if begun.is_set():
                again.set()
            begun.set()
            called.wait(LONG)
            loop.wait(LONG)

    loop = WorkerThread("test", work)
    loop.start()
    assert begun.wait(LONG)
    loop.wake()
    called.set()
    assert again.wait(LONG / 2)
    loop.stop()


def test_an_end_between_two_turns_is_never_slept_through() -> None:
    loop = WorkerThread("test", lambda: None)
    turns = loop.iterations()
    next(turns)
    loop.stop()
    assert loop.sleep(LONG), "no pause outlasts the end"
    loop.wait(LONG)
    assert next(turns, "over") == "over"


def test_its_exception_is_reported() -> None:
    crashes: list[BaseException] = []

    def work() -> None:
        raise RuntimeError("broken")

    loop = WorkerThread("test", work, crashes.append)
    loop.start()
    loop.stop()
    assert [str(crash) for crash in crashes] == ["broken"]


def test_one_that_never_began_can_be_stopped() -> None:
    WorkerThread("test", lambda: None).stop()
