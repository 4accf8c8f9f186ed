"""What `--wait` and the panels may rely on when they follow runs."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from itertools import pairwise

import faults
import pytest
from watch_doubles import FakeClient, FakeClock, Said, run

from kbench_jupyter.api import Client, Limits
from kbench_jupyter.errors import (
    NotFoundError,
    RunsFailedError,
    ServerError,
    TransportError,
    WatchTimeoutError,
)
from kbench_jupyter.following.pace import pace
from kbench_jupyter.following.rounds import Clock, Pacing, Trouble
from kbench_jupyter.following.runs import RunChange, Watch
from kbench_jupyter.following.status import PATIENCE, SETTLE, Ending
from kbench_jupyter.following.watch import wait_for_runs
from kbench_jupyter.session.interrupted import Interrupted


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def said():
    return Said()


def follow(client, ids, clock, **options):
    watch = Watch(client, "quiz", ids, clock=clock, **options)
    return watch, list(watch)


# Pacing


def test_gaps_grow_from_a_quarter_of_a_second_to_thirty_and_never_beyond():
    pacing = Pacing()
    gaps = [pacing.next() for _ in range(15)]
    assert gaps[0] == 0.25
    assert all(a < b for a, b in pairwise(gaps[:12]))
    assert gaps[-2:] == [30.0, 30.0]


def test_a_change_makes_the_watch_look_sooner_again(clock):
    quiet = [[run(1, "QUEUED")]] * 8
    client = FakeClient(*quiet, [run(1, "RUNNING")], [run(1, "RUNNING")], [run(1, "COMPLETED")])
    follow(client, [1], clock)
    assert clock.waits[:8] == [0.25, 0.375, 0.562, 0.844, 1.266, 1.898, 2.848, 4.271]
    assert clock.waits[8:] == [2.0, 3.0]


def test_a_small_run_is_seen_to_end_within_half_of_what_it_took(clock):
    def state():
        return iter([run(1, "COMPLETED" if clock.time >= 1 else "RUNNING")])

    follow(FakeClient(*[state] * 9), [1], clock)
    assert clock.time < 1.5


def test_runs_that_end_one_after_the_other_have_nobody_look_more_than_every_two_seconds(clock):
    ids = range(1, 60)
    looks = [[run(n, "COMPLETED" if n < ended else "RUNNING") for n in ids] for ended in range(1, 61)]
    follow(FakeClient(*looks), list(ids), clock)
    assert clock.time > 2 * (len(ids) - 6)


def test_an_asked_for_interval_caps_the_gap_also_below_the_first_one(clock):
    client = FakeClient(*[[run(1, "QUEUED")]] * 4, [run(1, "COMPLETED")])
    follow(client, [1], clock, max_interval=0.1)
    assert clock.waits == [0.1] * 4


# What is followed


def test_only_the_given_runs_count_whatever_older_runs_ended_as(clock):
    old = run(1, "ERRORED")
    client = FakeClient([run(7, "RUNNING"), old], [run(7, "COMPLETED"), old])
    watch, changes = follow(client, [7], clock)
    assert [c.status.run_id for c in changes] == [7, 7]
    assert watch.done
    assert [r.id for r in watch.runs] == [7]


def test_one_list_call_a_look_serves_all_runs_and_asks_only_for_models_still_going(clock):
    first = [run(1, "RUNNING", "a"), run(2, "RUNNING", "b"), run(3, "RUNNING", "c")]
    second = [run(1, "COMPLETED", "a"), run(2, "RUNNING", "b"), run(3, "RUNNING", "c")]
    client = FakeClient(first, second, [run(2, "COMPLETED", "b"), run(3, "ERRORED", "c")])
    watch, _ = follow(client, [1, 2, 3], clock)
    assert client.asked == [(), ("a", "b", "c"), ("b", "c")]
    assert [s.ending for s in watch.statuses] == ["completed", "completed", "errored"]


def test_runs_of_agents_are_asked_for_without_a_filter_for_none_names_them(clock):
    going = [run(1), run(2, model="code", agent="code")]
    client = FakeClient(going, going, [run(1, "COMPLETED"), run(2, "COMPLETED", model="code", agent="code")])
    watch = Watch(client, "quiz", [1, 2], clock=clock)
    list(watch)
    assert client.asked == [(), (), ()]


def test_pages_after_the_last_wanted_run_are_never_asked_for(clock):
    def pages():
        yield run(2, "COMPLETED")
        raise AssertionError("the next page was asked for")

    watch, _ = follow(FakeClient(pages), [2], clock)
    assert watch.done


def test_a_run_that_only_the_model_filter_loses_is_found_without_it(clock):
    class Filtering(FakeClient):
        def list_runs(self, slug, *, models=(), deadline=None):
            self.asked.append(tuple(models))
            return iter([] if models else self._next())

    client = Filtering([run(1, "RUNNING")], [run(1, "COMPLETED")])
    watch, _ = follow(client, [1], clock)
    assert watch.statuses[0].ending is Ending.COMPLETED
    assert client.asked == [(), ("m1",), ()]


def test_a_watch_on_no_runs_is_done_without_asking(clock):
    client = FakeClient([])
    watch, changes = follow(client, [], clock)
    assert (changes, client.asked, watch.done) == ([], [], True)


# What changes


def test_each_change_comes_once_with_what_was_before(clock):
    client = FakeClient([run(1, "QUEUED")], [run(1, "QUEUED")], [run(1, "RUNNING")], [run(1, "COMPLETED")])
    _, changes = follow(client, [1], clock)
    states = [(c.before and str(c.before.state), str(c.status.state)) for c in changes]
    assert states == [(None, "QUEUED"), ("QUEUED", "RUNNING"), ("RUNNING", "COMPLETED")]


@pytest.mark.parametrize("state", ["COMPLETED", "ERRORED"])
def test_both_terminal_states_end_the_watch(clock, state):
    watch, _ = follow(FakeClient([run(1, state)]), [1], clock)
    assert watch.statuses[0].ended
    assert clock.waits == []


def test_a_pending_score_is_said_and_waited_for(clock, said):
    client = FakeClient([run(1, "RUNNING")], [run(1, "SCORE_PENDING")], [run(1, "COMPLETED")])
    runs = wait_for_runs(client, "quiz", [1], reporter=said, clock=clock)
    assert runs[0].state == "COMPLETED"
    assert "m1 (run 1): has run; its score is still to come" in said.lines


def test_an_unknown_state_is_waited_through_and_said_by_its_name(clock, said):
    client = FakeClient([run(1, "WARMING_UP")], [run(1, "WARMING_UP")], [run(1, "COMPLETED")])
    assert wait_for_runs(client, "quiz", [1], reporter=said, clock=clock)
    told = [line for line in said.lines if "WARMING_UP" in line]
    assert len(told) == 1


@pytest.mark.parametrize("state", ["UNSPECIFIED", "CANCELLED"])
def test_a_state_that_never_says_more_ends_as_unclear_after_half_an_hour(clock, state):
    watch, _ = follow(FakeClient([run(1, state)]), [1], clock)
    assert watch.statuses[0].ending is Ending.UNCLEAR
    assert PATIENCE <= clock.time < PATIENCE + 31


def test_an_unknown_state_with_an_end_time_ends_after_a_minute_not_half_an_hour(clock, said):
    ended = run(1, "CANCELLED", end_time=datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(RunsFailedError) as caught:
        wait_for_runs(FakeClient([ended]), "quiz", [1], reporter=said, clock=clock)
    assert clock.time < SETTLE + 31
    assert "CANCELLED" in caught.value.detail
    assert "%kbench status quiz" in caught.value.hint


def test_a_run_the_list_does_not_show_yet_is_waited_for(clock):
    watch, _ = follow(FakeClient([], [], [run(1, "COMPLETED")]), [1], clock)
    assert watch.statuses[0].ending is Ending.COMPLETED


def test_a_run_that_vanishes_ends_the_watch_and_the_others_are_followed_on(clock, said):
    both, one = [run(1, model="a"), run(2, model="b")], [run(2, model="b")]
    client = FakeClient(both, *[one] * 30, [run(2, "COMPLETED", "b")])
    with pytest.raises(RunsFailedError, match="1 of 2 runs") as caught:
        wait_for_runs(client, "quiz", [1, 2], reporter=said, clock=clock)
    assert "a (run 1): vanished (no longer in the server's list of runs)" in caught.value.detail
    assert any("b (run 2): completed" in line for line in said.lines)


# Trouble


def test_a_passing_failure_is_said_once_and_does_not_end_the_watch(clock, said):
    client = FakeClient(
        [run(1)],
        TransportError("No answer from the server."),
        ServerError("It fell over."),
        [run(1, "COMPLETED")],
    )
    assert wait_for_runs(client, "quiz", [1], reporter=said, clock=clock)
    assert [line for line in said.lines if "looking again" in line] == [
        "No answer from the server; looking again"
    ]


def test_trouble_reaches_whoever_iterates(clock):
    client = FakeClient(TransportError("No answer."), [run(1, "COMPLETED")])
    _, changes = follow(client, [1], clock)
    assert isinstance(changes[0], Trouble)
    assert isinstance(changes[1], RunChange)


def test_a_failure_that_looking_again_cannot_mend_ends_the_watch(clock):
    client = FakeClient([run(1)], NotFoundError("No such task."))
    with pytest.raises(NotFoundError):
        follow(client, [1], clock)


def test_a_server_that_stays_away_is_given_up_on(clock):
    with pytest.raises(TransportError):
        follow(FakeClient(TransportError("Refused.")), [1], clock)
    assert 900 <= clock.time < 940


# Time-out, interruption, closing


def test_a_time_out_says_where_the_runs_stand_and_how_to_go_on(clock):
    client = FakeClient([run(1, "RUNNING", "a"), run(2, "COMPLETED", "b"), run(3, "QUEUED", "c")])
    with pytest.raises(WatchTimeoutError) as caught:
        wait_for_runs(client, "quiz", [1, 2, 3], timeout=60, clock=clock)
    assert clock.time == 60
    assert "1 of 3 runs ended; 1 running, 1 queued" in str(caught.value)
    assert "a (run 1): running" in caught.value.detail
    assert "%kbench status quiz" in caught.value.hint
    assert "--wait" in caught.value.hint


def test_the_last_look_is_at_the_deadline_not_half_a_minute_before(clock):
    client = FakeClient(lambda: [run(1, "COMPLETED" if clock.time >= 100 else "RUNNING")])
    assert wait_for_runs(client, "quiz", [1], timeout=100, clock=clock)


class Interrupting(FakeClock):
    def wait(self, event, seconds):
        super().wait(event, seconds)
        if self.time > 10:
            raise KeyboardInterrupt


def test_ctrl_c_leaves_the_runs_alone_and_says_so(said):
    client = FakeClient([run(1, "RUNNING", "a"), run(2, "COMPLETED", "b")])
    with pytest.raises(Interrupted) as caught:
        wait_for_runs(client, "quiz", [1, 2], reporter=said, clock=Interrupting())
    assert isinstance(caught.value, KeyboardInterrupt)
    block = "\n".join(caught.value._render_traceback_())
    assert "1 of 2 runs ended; 1 running" in block
    assert "What runs goes on" in block
    assert "%kbench status quiz" in block
    assert said.closed == 1
    assert client.streams[1].closed.is_set()


def test_close_from_another_thread_ends_following_at_once():
    client = FakeClient([run(1, "QUEUED")])
    ended = threading.Event()
    looked = threading.Event()
    watch = Watch(client, "quiz", [1], streams=True, on_look=lambda _: looked.set(), clock=SlowClock())
    watch.start(lambda change: None, lambda error: ended.set())
    assert looked.wait(5)
    watch.close()
    assert ended.wait(1)
    assert not watch.done


def test_close_frees_every_log_stream():
    before = set(threading.enumerate())  # of an embedded server, say, that an earlier test has started
    client = FakeClient([run(1, "RUNNING", "a"), run(2, "RUNNING", "b")])
    looked = threading.Event()
    ended = threading.Event()
    watch = Watch(client, "quiz", [1, 2], streams=True, on_look=lambda _: looked.set())
    watch.start(lambda change: None, lambda error: ended.set())
    assert looked.wait(5)
    watch.close()
    assert ended.wait(1)
    assert all(stream.closed.is_set() for stream in client.streams.values())
    assert not [t for t in set(threading.enumerate()) - before if t.name.startswith("kbench-")]


# Streams


def test_the_end_of_a_log_stream_is_answered_by_an_immediate_look():
    state = ["RUNNING"]
    client = FakeClient(lambda: [run(1, state[0])])
    looks = threading.Semaphore(0)
    clock = SlowClock()
    watch = Watch(client, "quiz", [1], streams=True, on_look=lambda _: looks.release(), clock=clock)
    ended = threading.Event()
    watch.start(lambda change: None, lambda error: ended.set())
    assert looks.acquire(timeout=5)
    assert client.opened.wait(5)
    state[0] = "COMPLETED"
    client.streams[1].end()
    assert ended.wait(5)  # this clock alone would have waited for ever
    assert watch.done


def test_after_a_streams_end_the_looks_come_fast_again_until_the_state_follows(clock):
    client = FakeClient(lambda: [run(1, "COMPLETED" if clock.time > 61 else "RUNNING")])
    watch = Watch(client, "quiz", [1], clock=clock)
    clock.at(60, watch.look_now)
    list(watch)
    assert clock.time == 62.0


class SlowClock(Clock):
    """Waits for the event only, as if the next look were hours away."""

    def wait(self, event, seconds):
        event.wait()


def test_a_stream_that_fails_neither_ends_the_watch_nor_is_opened_again(clock):
    class Failing(FakeClient):
        def stream_logs(self, run_id, **options):
            self.opened.set()
            raise NotFoundError("No log.")

    client = Failing([run(1)], [run(1)], [run(1, "COMPLETED")])
    watch, _ = follow(client, [1], clock, streams=True)
    assert watch.done


def test_a_queued_run_opens_no_stream(clock):
    client = FakeClient([run(1, "QUEUED")], [run(1, "COMPLETED")])
    follow(client, [1], clock, streams=True)
    assert client.streams == {}


def test_panels_hear_changes_and_the_error_that_ended_it():
    heard, ended, done = [], [], threading.Event()
    client = FakeClient([run(1)], NotFoundError("Gone."))
    watch = Watch(client, "quiz", [1], clock=FakeClock())
    watch.start(heard.append, lambda error: (ended.append(error), done.set()))
    assert done.wait(5)
    assert [c.status.run_id for c in heard] == [1]
    assert isinstance(ended[0], NotFoundError)


def test_two_threads_cannot_follow_one_watch(clock):
    watch = Watch(FakeClient([run(1)]), "quiz", [1], clock=clock)
    first = iter(watch)
    next(first)
    with pytest.raises(RuntimeError):
        next(iter(watch))


def test_the_progress_line_counts_what_ended(clock, said):
    client = FakeClient(
        [run(1, "RUNNING", "a"), run(2, "QUEUED", "b")], [run(1, "COMPLETED", "a"), run(2, "COMPLETED", "b")]
    )
    runs = wait_for_runs(client, "quiz", [2, 1], reporter=said, clock=clock)
    assert [r.id for r in runs] == [2, 1]
    first, last = said.progressed[0], said.progressed[-1]
    assert first[0].startswith("0 of 2 runs ended; 1 queued, 1 running")
    assert first[1:] == (0, 2)
    assert last[1:] == (2, 2)
    assert "a (run 1): completed after 9.0 s" in said.lines


def test_many_runs_say_how_many_end_a_minute_and_how_long_the_rest_takes(clock, said):
    def looked(ended):
        return [run(n, "COMPLETED" if n <= ended else "QUEUED", "a") for n in range(1, 41)]

    # After some quiet ones the looks are two seconds apart.
    client = FakeClient(*(looked(ended) for ended in (*[0] * 8, 1, 3, 6, 9, 20, 40)))
    wait_for_runs(client, "quiz", range(1, 41), reporter=said, clock=clock, max_interval=6)
    told = [text.partition("queued; ")[2].partition(" (")[0] for text, *_ in said.progressed]
    assert told[:9] == ["time left not known yet"] * 9
    assert told[9:12] == [
        "60 a minute, about 37 s left",
        "75 a minute, about 27 s left",
        "80 a minute, about 23 s left",
    ]
    assert max(len(text) for text, *_ in said.progressed) < 80


def test_how_long_the_rest_takes_is_not_said_once_nothing_ends_any_more():
    assert pace(40, 30, [0, 5, 10, 15], 16) == "12 a minute, about 2 min left"
    assert pace(40, 30, [0, 5, 10, 15], 60) == "none for 45 s, time left not known"
    assert pace(1000, 990, [0, 60, 120], 130) == "1.0 a minute, about 16 h 30 min left"
    assert pace(12, 6, [0, 3_000, 6_000, 9_000], 9_100) == "1.2 an hour, about 4 h 58 min left"
    assert pace(40, 30, [5, 5, 5], 6) == "time left not known yet", (
        "several that are seen at one look are no rate"
    )
    assert pace(40, 0, [0, 5, 10, 15], 16) == ""
    assert pace(9, 5, [0, 5, 10, 15], 16) == "", "for few it would say nothing that they do not"


def test_a_time_out_holds_against_a_server_that_hangs():
    limits = Limits(read=30, deadline=120, backoff=0.01, backoff_cap=0.02)
    with faults.FaultServer() as server, Client(server.url, None, limits=limits) as client:
        server.inject("ListBenchmarkTaskRuns", *[faults.hang] * 50)
        began = time.monotonic()
        with pytest.raises(WatchTimeoutError):
            wait_for_runs(client, "quiz", [1], timeout=0.5)
        assert time.monotonic() - began < 8


def test_a_failed_look_past_the_time_out_is_the_last():
    clock = FakeClock()
    client = FakeClient(lambda: clock.wait(threading.Event(), 20) or TransportError("it hangs"))
    with pytest.raises(WatchTimeoutError):
        wait_for_runs(client, "quiz", [1], timeout=10, clock=clock)
    assert len(client.asked) == 1
