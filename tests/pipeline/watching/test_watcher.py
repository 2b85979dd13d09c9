"""A watch in a simulated world: every finished file is read exactly once, whatever happens in between."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.watching.choose import Intent
from pipeline.watching.observe import State
from pipeline.watching.watcher import Watch
from schemas.errors import DataError, HeldError, LengthwiseError, UsageError
from tests.effort import tries
from tests.pipeline.watching.simulated import FULL, SETTLE, KilledError, Simulated

NAMES = [f"{letter}.jsonl" for letter in "abcdef"]
names = st.sampled_from(NAMES)
EVENTS = st.one_of(
    st.tuples(st.just("write"), names, st.integers(0, 3)),
    st.tuples(st.just("bad"), names, st.integers(1, 3)),
    st.tuples(st.just("remove"), names),
    st.tuples(st.just("wait"), st.sampled_from([1, 5, 10, 30])),
    st.tuples(st.just("clock back"), st.sampled_from([1, 3_600, 10**8])),
    st.tuples(st.just("kill"), st.integers(0, 12)),
    st.tuples(st.just("full")),
    st.tuples(st.just("held"), st.integers(1, 3)),
    st.tuples(st.just("changes"), names),
)


def happen(world: Simulated, event: tuple[object, ...]) -> None:
    match event:
        case ("write", str(name), int(size)):
            world.write(name, size)
        case ("bad", str(name), int(size)):
            world.write(name, size, bad=True)
        case ("remove", str(name)):
            world.there.pop(name, None)
        case ("wait", int(seconds)):
            world.now += seconds
        case ("clock back", int(seconds)):
            world.offset_ns -= seconds * 10**9
        case ("kill", int(steps)):
            world.fuse = steps
        case ("full",):
            world.full = 1
        case ("held", int(times)):
            world.held = times
        case ("changes", str(name)):
            world.changes = name


class Driver:
    """A process that is started again whenever it has ended, as by systemd."""

    def __init__(self, world: Simulated) -> None:
        self.world = world
        self.watch: Watch | None = None

    def look(self) -> None:
        """One poll, or the start of a process and its first poll."""
        try:
            if self.watch is None:
                self.watch = self.world.start()
                self.watch.begin()
            else:
                self.watch.poll()
        except (KilledError, LengthwiseError):
            self.watch = None


@settings(max_examples=tries(400))
@given(st.lists(st.tuples(EVENTS, st.booleans()), max_size=25))
def test_each_finished_file_is_read_exactly_once(events: list[tuple[tuple[object, ...], bool]]) -> None:
    world = Simulated()
    driver = Driver(world)
    for event, look in events:
        happen(world, event)
        if look:
            driver.look()
    world.fuse, world.full, world.changes = None, 0, ""
    expected_unread = {name for name, state in world.there.items() if name in world.bad or not state.bytes}
    # The clock was set back by three years at a time: it takes a restart in the future to trust it, so wait by polls.
    for _ in range(60):
        world.now += 1
        driver.look()
    read = world.all_read()
    never_read = set(world.there) - set(read)
    assert never_read <= expected_unread  # and that none is read twice, the simulated world itself asserts
    assert all(read_at - written >= SETTLE for read_at, written in world.read_at.values())
    assert world.intent() is None
    assert world.staged == set()  # nothing is left of spans that nobody goes on with


@given(st.lists(st.sampled_from([0, 1, 2, 3, 4]), max_size=3), st.integers(1, 9))
def test_a_bad_file_costs_none_of_the_others(bad: list[int], count: int) -> None:
    world = Simulated()
    for index in range(count):
        world.write(f"{index}.jsonl", 5, bad=index in bad)
    world.now += SETTLE
    watch = world.start(once=True)
    watch.run()
    wrong = {f"{index}.jsonl" for index in bad if index < count}
    assert set(world.all_read()) == set(world.there) - wrong
    assert set(world.failed()) == wrong
    assert (watch.totals.files, watch.totals.failed) == (count - len(wrong), len(wrong))
    before = dict(world.published)
    again = world.start(once=True)
    again.run()
    assert (world.published, again.totals.failed) == (before, 0)


def test_a_failed_file_is_tried_again_when_it_has_changed() -> None:
    world = Simulated()
    world.write("a.jsonl", 5, bad=True)
    world.now += SETTLE
    world.start(once=True).run()
    world.write("a.jsonl", 6)
    world.now += SETTLE
    world.start(once=True).run()
    assert world.all_read() == {"a.jsonl": 6}


def test_a_file_that_was_read_and_changes_is_told_once_and_not_read_again() -> None:
    world = Simulated()
    world.write("a.jsonl", 5)
    world.now += SETTLE
    watch = world.start()
    watch.poll(first=True)
    world.write("a.jsonl", 5)  # of the same size
    for _ in range(20):
        world.now += 1
        watch.poll()
    told = [line for line in world.lines if "changed" in line]
    assert told == ["read already, and not read again though changed since: a.jsonl"]
    assert len(world.published) == 1


def test_an_empty_file_waits_and_is_told_once() -> None:
    world = Simulated()
    world.write("a.jsonl", 0)
    world.now += SETTLE
    watch = world.start()
    for first in (True, False, False):
        watch.poll(first)
    assert world.lines == ["empty, and read when something is in them: a.jsonl"]


def test_files_of_one_poll_are_one_span_named_by_the_time() -> None:
    world = Simulated()
    for name in NAMES:
        world.write(name, 5)
    world.now += SETTLE
    world.start(once=True).run()
    assert world.published == {"2023-11-14T223010": dict.fromkeys(NAMES, 5)}


def test_a_clock_that_goes_back_still_gives_later_names() -> None:
    world = Simulated()
    watch = world.start()
    for name in NAMES[:3]:
        world.write(name, 5)
        world.offset_ns -= 10**15
        watch.poll()
        world.now += SETTLE
        watch.poll()
    first, *others = world.published
    assert (first, others) == ("2023-11-03T084330", ["2023-11-03T084331", "2023-11-03T084332"])


def test_files_are_waited_for() -> None:
    world = Simulated()
    watch = world.start(at_least=2, at_most_wait=100.0)
    world.write("a.jsonl", 5)
    watch.poll()
    world.now += SETTLE
    watch.poll()
    world.now += 99
    watch.poll()
    assert world.published == {}
    world.now += 1
    watch.poll()
    assert list(world.published.values()) == [{"a.jsonl": 5}]


def test_a_full_disk_ends_the_watch_and_no_file_is_at_fault() -> None:
    world = Simulated()
    world.write("a.jsonl", 5)
    world.now += SETTLE
    world.full = 1
    with pytest.raises(DataError) as raised:
        world.start(once=True).run()
    assert str(raised.value) == (
        f"the span 2023-11-14T223010: {FULL}; start the watch again then, it goes on with this span"
    )
    assert world.failed() == {}
    world.start(once=True).run()
    assert world.published == {"2023-11-14T223010": {"a.jsonl": 5}}


def test_a_usage_error_ends_the_watch() -> None:
    world = Simulated()
    world.write("a.jsonl", 5)
    world.published["2023-11-14T223009"] = {"z.jsonl": 1}
    world.now += SETTLE
    watch = world.start(once=True)
    world.write_intent(Intent("2023-11-14T223010", {"a.jsonl": world.there["a.jsonl"]}))
    original = world.span
    world.span = lambda name: None  # type: ignore[method-assign]  # published between the look and the run
    world.published["2023-11-14T223010"] = {"y.jsonl": 1}
    world.files, world.names = {}, set()
    with pytest.raises(UsageError, match="the span 2023-11-14T223010: is published with other input"):
        watch.run()
    world.span = original  # type: ignore[method-assign]
    world.start(once=True).run()
    assert "a.jsonl" in world.all_read()


def test_a_held_lock_is_waited_for_unless_there_is_one_look() -> None:
    world = Simulated()
    world.write("a.jsonl", 5)
    world.now += SETTLE
    world.held = 3
    with pytest.raises(HeldError, match="2023-11-14T223010: is held"):
        world.start(once=True).run()
    watch = world.start()
    watch.begin()
    assert world.all_read() == {"a.jsonl": 5}
    assert world.lines.count("2023-11-14T223010: is held; tried again every 1 s") == 1


def test_a_file_that_changes_while_it_is_read_has_not_failed() -> None:
    world = Simulated()
    world.write("a.jsonl", 5)
    world.now += SETTLE
    world.changes = "a.jsonl"
    watch = world.start(once=True)
    watch.run()
    assert (world.published, world.failed(), watch.totals.failed) == ({}, {}, 0)
    assert world.lines == ["2023-11-14T223010: some of its files have changed or are gone; they wait to be finished"]


def test_a_file_without_a_format_is_no_fault_of_the_others() -> None:
    world = Simulated()
    for name in ("a.jsonl", "b.md"):
        world.write(name, 5)
    world.now += SETTLE
    world.start(once=True).run()
    assert world.all_read() == {"a.jsonl": 5}
    assert world.failed() == {"b.md": State(5, world.there["b.md"].mtime_ns)}
