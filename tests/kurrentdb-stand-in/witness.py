"""Asks the stand-in the way a client does that was written against the real server: kurrentdbclient, from PyPI.

    witness.py PATH/TO/kurrentdb-stand-in

Each scenario starts a stand-in of its own. What the client makes of the answers (its exceptions, positions and
times) is compared with what its own tests and documentation say it makes of a real server's; a real server is
not asked. Ends with 0 if all is as expected, else with 1.
"""

import datetime
import json
import subprocess
import sys
import time
import traceback
from uuid import uuid4

from kurrentdbclient import KurrentDBClient, NewEvent, StreamState
from kurrentdbclient.exceptions import (
    FailedPreconditionError,
    GrpcDeadlineExceededError,
    GrpcError,
    NodeIsNotLeaderError,
    NotFoundError,
    ServiceUnavailableError,
    StreamIsDeletedError,
    WrongCurrentVersionError,
)

ORDER = "order-demo.1"
NO_STREAM, ANY, EXISTS = StreamState.NO_STREAM, StreamState.ANY, StreamState.EXISTS


class StandIn:
    """The program, and a client of it."""

    def __init__(self, program, *arguments):
        self.process = subprocess.Popen(
            [program, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        began = json.loads(self.process.stdout.readline())
        self.addresses = began["addresses"]
        self.client = self.connect(self.addresses[0])

    def connect(self, *addresses, options=""):
        return KurrentDBClient(uri=f"kurrentdb://{','.join(addresses)}?tls=false{options}")

    def do(self, command, **arguments):
        self.process.stdin.write(json.dumps({"do": command, **arguments}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert answer.get("ok"), f"{command}: {answer}"
        return answer

    def counts(self):
        return self.do("counts")["counts"]

    def append(self, expected, *events, stream=ORDER, client=None, timeout=5):
        """By the plain Append call, without the client's own repeats. Returns the commit position."""
        streams = (client or self.client).streams
        return streams.append(stream, current_version=expected, events=events, timeout=timeout)

    def read_all(self, **options):
        """The streams of all that is read; the client's own filter of system events is off."""
        return [event.stream_name for event in self.client.read_all(**{"filter_exclude": (), **options})]

    def end(self):
        self.client.close()
        self.process.stdin.close()
        assert self.process.wait(timeout=10) == 0, "the stand-in ended badly"


def paid(data=b"{}", event_type="GoodsDelivered", **more):
    return NewEvent(type=event_type, data=data, metadata=b'{"push":1}', id=uuid4(), **more)


def expect(actual, expected, what):
    if actual != expected:
        raise AssertionError(f"{what}: {actual!r} instead of {expected!r}")


def fails(kind, call, what):
    """The error that the call must end in, of exactly this kind."""
    try:
        answer = call()
    except Exception as error:
        if type(error) is not kind:
            raise AssertionError(f"{what}: {error!r} instead of {kind.__name__}") from error
        return error
    raise AssertionError(f"{what}: {answer!r} instead of {kind.__name__}")


def is_wrong(current, call, what):
    """The call must be told that the stream stands at another version."""
    error = fails(WrongCurrentVersionError, call, what)
    expect(error.actual_version, current, what)


def an_event_comes_back_as_it_was_sent(stand_in):
    before = datetime.datetime.now(datetime.timezone.utc)
    event = paid(b'{"price":1}')
    binary = NewEvent(type="Binary", data=b"\x00\xff", content_type="application/octet-stream")
    first = stand_in.append(NO_STREAM, event)
    second = stand_in.append(0, binary)
    after = datetime.datetime.now(datetime.timezone.utc)
    one, two = stand_in.client.get_stream(ORDER)
    expect((one.id, one.type, one.data), (event.id, "GoodsDelivered", b'{"price":1}'), "the event")
    expect((one.metadata, one.content_type), (b'{"push":1}', "application/json"), "its metadata")
    expect((one.stream_name, one.stream_position, one.commit_position), (ORDER, 0, first), "its place")
    expect((two.data, two.content_type), (b"\x00\xff", "application/octet-stream"), "binary data")
    expect((two.stream_position, two.commit_position), (1, second), "the second event's place")
    assert before <= one.recorded_at <= two.recorded_at <= after, f"recorded at {one.recorded_at}"
    assert second > first + 1, "positions are byte offsets, with gaps"


def expected_versions_are_held_to(stand_in):
    is_wrong(NO_STREAM, lambda: stand_in.append(0, paid()), "an exact version of no stream")
    is_wrong(NO_STREAM, lambda: stand_in.append(EXISTS, paid()), "a stream that must exist")
    stand_in.append(NO_STREAM, paid())
    stand_in.append(0, paid())
    stand_in.append(ANY, paid())
    stand_in.append(EXISTS, paid())
    is_wrong(3, lambda: stand_in.append(NO_STREAM, paid()), "no stream, where there is one")
    is_wrong(3, lambda: stand_in.append(2, paid()), "a version that is behind")
    is_wrong(3, lambda: stand_in.append(4, paid()), "a version that is ahead")
    expect(stand_in.client.get_current_version(ORDER), 3, "the current version")


def a_repeat_is_answered_like_the_first_time(stand_in):
    first, second, third = paid(), paid(), paid()
    one = stand_in.append(NO_STREAM, first)
    two = stand_in.append(0, second, third)
    for _ in range(2):
        expect(stand_in.append(NO_STREAM, first), one, "the first repeated")
        expect(stand_in.append(0, second, third), two, "two at once repeated")
        expect(stand_in.append(ANY, second, third), two, "repeated with any version")
    other = NewEvent(id=first.id, type="GoodsDelivered", data=b'{"other":1}')
    expect(stand_in.append(NO_STREAM, other), one, "the same id with other content")
    expect(len(stand_in.client.get_stream(ORDER)), 3, "events in the stream")


def what_stands_partly_or_elsewhere_is_a_conflict(stand_in):
    first, second = paid(), paid()
    stand_in.append(NO_STREAM, first, second)
    is_wrong(1, lambda: stand_in.append(NO_STREAM, paid()), "another event first")
    is_wrong(1, lambda: stand_in.append(NO_STREAM, first, paid()), "partly the same")
    is_wrong(1, lambda: stand_in.append(NO_STREAM, second), "the same id at another place")
    is_wrong(1, lambda: stand_in.append(ANY, first, paid()), "partly the same, any version")
    stand_in.append(NO_STREAM, first, stream="order-demo.2")
    expect(stand_in.do("events")["client_events"], 3, "events in the log")


def a_stream_is_read_both_ways_from_anywhere(stand_in):
    stand_in.append(NO_STREAM, *[paid() for _ in range(40)])

    def read(**options):
        return [event.stream_position for event in stand_in.client.get_stream(ORDER, **options)]

    expect(read(), list(range(40)), "all of it")
    expect(read(stream_position=38), [38, 39], "from a position")
    expect(read(limit=2), [0, 1], "with a limit")
    expect(read(stream_position=40), [], "from behind the end")
    expect(read(backwards=True, limit=2), [39, 38], "backwards")
    expect(read(backwards=True, stream_position=1), [1, 0], "backwards from a position")
    fails(NotFoundError, lambda: stand_in.client.get_stream("order-demo.2"), "a stream that is not there")
    expect(stand_in.client.get_current_version("order-demo.2"), NO_STREAM, "its version")


def the_whole_log_is_read_with_filters_and_after_a_position(stand_in):
    for stream, event_type in [
        ("order-demo.1", "GoodsDelivered"),
        ("refund-demo.1", "RefundSucceeded"),
        ("order-demo.2", "CoinsDelivered"),
    ]:
        stand_in.append(NO_STREAM, paid(event_type=event_type), stream=stream)
    ours = ["order-demo.1", "refund-demo.1", "order-demo.2"]
    everything = list(stand_in.client.read_all(filter_exclude=()))
    positions = [event.commit_position for event in everything]
    expect(positions, sorted(set(positions)), "positions in order")
    expect([event.stream_name for event in everything][-3:], ours, "our events, last in the log")
    assert any(event.type.startswith("$") for event in everything), "the server's own events are there too"
    expect([event.stream_name for event in stand_in.client.read_all()], ours, "without system events")
    by_stream = {"filter_include": ("order-.*",), "filter_by_stream_name": True}
    expect(stand_in.read_all(**by_stream), [ours[0], ours[2]], "by stream")
    expect(stand_in.read_all(filter_include=("Refund.*", "Coins.*")), ours[1:], "by event type")
    expect(stand_in.read_all(**by_stream, limit=1), ours[:1], "by stream, at most one")
    second = everything[-2].commit_position
    expect(stand_in.read_all(commit_position=second), ours[1:], "from a position, itself included")
    expect(stand_in.read_all(commit_position=second, **by_stream), ours[2:], "filtered from a position")
    expect(stand_in.read_all(commit_position=second, backwards=True, limit=1), ours[:1], "backwards, before it")
    expect(stand_in.read_all(backwards=True, limit=2), [ours[2], ours[1]], "backwards from the end")
    expect(stand_in.client.get_commit_position(), everything[-1].commit_position, "the last position")


def a_deleted_stream_begins_anew_above_version_0(stand_in):
    def delete(expected):
        return stand_in.client.delete_stream(ORDER, current_version=expected)

    def is_gone(what):
        fails(NotFoundError, lambda: stand_in.client.get_stream(ORDER), what)
        expect(stand_in.client.get_current_version(ORDER), NO_STREAM, f"its version, {what}")

    fails(NotFoundError, lambda: delete(ANY), "a deletion of nothing")
    fails(NotFoundError, lambda: delete(EXISTS), "a deletion of nothing that must exist")
    stand_in.append(NO_STREAM, paid())
    stand_in.append(0, paid())
    is_wrong(1, lambda: delete(0), "a deletion at the wrong version")
    delete(1)
    is_gone("deleted")
    is_wrong(1, lambda: delete(0), "another deletion at the wrong version")
    delete(1)
    delete(ANY)
    fails(StreamIsDeletedError, lambda: delete(EXISTS), "a deletion of a deleted stream that must exist")
    is_wrong(1, lambda: stand_in.append(0, paid()), "an append at the wrong version")
    third, fourth = paid(), paid()
    stand_in.append(NO_STREAM, third)
    expect(stand_in.client.get_current_version(ORDER), 2, "the version it begins anew at")
    stand_in.append(2, fourth)
    expect([event.id for event in stand_in.client.get_stream(ORDER)], [third.id, fourth.id], "what begins anew")
    is_wrong(3, lambda: delete(0), "a third deletion at the wrong version")
    expect(len(stand_in.client.get_stream(ORDER)), 2, "events that it leaves")
    delete(3)
    is_gone("deleted again")
    stand_in.append(3, paid())
    expect([event.stream_position for event in stand_in.client.get_stream(ORDER)], [4], "begun anew at its version")


def a_tombstone_is_for_ever(stand_in):
    def tombstone(expected, stream=ORDER):
        return stand_in.client.tombstone_stream(stream, current_version=expected)

    fails(NotFoundError, lambda: tombstone(EXISTS), "a tombstone for nothing that must exist")
    stand_in.append(NO_STREAM, paid(), paid())
    is_wrong(1, lambda: tombstone(0), "a tombstone at the wrong version")
    tombstone(1)
    fails(StreamIsDeletedError, lambda: tombstone(1), "a second tombstone")
    fails(StreamIsDeletedError, lambda: tombstone(2), "a second tombstone at a wrong version")
    fails(StreamIsDeletedError, lambda: stand_in.client.get_stream(ORDER), "a read")
    fails(StreamIsDeletedError, lambda: stand_in.client.get_current_version(ORDER), "its version")
    fails(StreamIsDeletedError, lambda: stand_in.client.delete_stream(ORDER, current_version=ANY), "a deletion")
    tombstone(ANY, "order-demo.2")
    for stream in [ORDER, "order-demo.2"]:
        error = fails(FailedPreconditionError, lambda: stand_in.append(NO_STREAM, paid(), stream=stream), "an append")
        assert "is deleted" in str(error), error


def what_is_too_large_is_refused(stand_in):
    # The client has no exception of its own for it; what it passes on is what the server said.
    error = fails(GrpcError, lambda: stand_in.append(NO_STREAM, paid(b"x" * 1024 * 1024)), "a mebibyte and more")
    for said in ["INVALID_ARGUMENT", "Maximum Append Size of 1048576 Exceeded"]:
        assert said in str(error), error
    expect(stand_in.client.get_current_version(ORDER), NO_STREAM, "the stream")
    stand_in.append(NO_STREAM, paid(b"x" * (1024 * 1024 - 1000)))
    expect(len(stand_in.client.get_stream(ORDER)[0].data), 1024 * 1024 - 1000, "what is just not too large")


def a_follower_names_the_leader(stand_in):
    follower = stand_in.connect(stand_in.addresses[1])
    error = fails(NodeIsNotLeaderError, lambda: stand_in.append(NO_STREAM, paid(), client=follower), "an append")
    expect(f"{error.host}:{error.port}", stand_in.addresses[0], "the leader it names")
    follower.close()
    discovering = stand_in.connect(*stand_in.addresses)
    expect(discovering.connection_target, stand_in.addresses[0], "the node that gossip leads to")
    stand_in.do("move_leader")
    # By its own repeat the client follows the leader.
    discovering.append_to_stream(ORDER, current_version=NO_STREAM, events=paid())
    expect(discovering.connection_target, stand_in.addresses[1], "the node after the leader moved")
    discovering.close()


def another_node_takes_over_from_a_dead_one(stand_in):
    discovering = stand_in.connect(*stand_in.addresses)
    discovering.append_to_stream(ORDER, current_version=NO_STREAM, events=paid())
    stand_in.do("kill", node=0)
    discovering.append_to_stream(ORDER, current_version=0, events=paid())
    expect(discovering.connection_target, stand_in.addresses[1], "the node that took over")
    expect(len(discovering.get_stream(ORDER)), 2, "events in the stream")
    discovering.close()


def a_restarted_node_has_kept_everything(stand_in):
    event = paid()
    first = stand_in.append(NO_STREAM, event)
    stand_in.do("restart", node=0)
    deadline = time.monotonic() + 10
    while True:
        try:
            expect(stand_in.append(NO_STREAM, event), first, "the repeat after a restart")
            return
        except ServiceUnavailableError:
            if time.monotonic() > deadline:
                raise


def an_unavailable_server_has_written_nothing(stand_in):
    stand_in.do("next", on="append", fault="unavailable")
    fails(ServiceUnavailableError, lambda: stand_in.append(NO_STREAM, paid()), "an append")
    expect(stand_in.do("events")["client_events"], 0, "events in the log")
    stand_in.append(NO_STREAM, paid())


def a_cut_line_leaves_open_what_happened_and_a_repeat_settles_it(stand_in):
    for number, (moment, written) in enumerate([("before", 0), ("after", 1)]):
        stream, event = f"order-demo.{number}", paid()
        stand_in.do("next", on="append", fault="cut", moment=moment)
        fails(ServiceUnavailableError, lambda: stand_in.append(NO_STREAM, event, stream=stream), "an append")
        expect(stand_in.do("events", stream=stream)["in_stream"], written, f"events when cut {moment}")
        stand_in.client.append_to_stream(stream, current_version=NO_STREAM, events=event)
        expect(stand_in.do("events", stream=stream)["in_stream"], 1, "after the repeat")


def late_answers_and_silence_end_at_the_deadline(stand_in):
    cases = [
        {"fault": "answer_delayed", "ms": 600_000},
        {"fault": "effect_delayed", "ms": 400},
        {"fault": "half_open", "moment": "after"},
        {"fault": "half_open", "moment": "before"},
    ]
    for number, fault in enumerate(cases):
        stream, event = f"order-demo.{number}", paid()
        # Clients whose options differ have connections of their own.
        client = stand_in.connect(stand_in.addresses[0], options=f"&keepAliveInterval={10_000 + number}")
        client.get_current_version(stream)
        stand_in.do("next", on="append", **fault)
        append = lambda: stand_in.append(NO_STREAM, event, stream=stream, client=client, timeout=0.2)
        fails(GrpcDeadlineExceededError, append, str(fault))
        client.close()
        stand_in.append(NO_STREAM, event, stream=stream)
        expect(len(stand_in.client.get_stream(stream)), 1, f"events after {fault}")


def what_is_delivered_twice_stands_once(stand_in):
    stand_in.do("next", on="append", fault="twice")
    position = stand_in.append(NO_STREAM, paid())
    expect([event.commit_position for event in stand_in.client.get_stream(ORDER)], [position], "the stream")
    counts = stand_in.counts()
    expect((counts["appends_applied"], counts["appends_repeated"]), (1, 1), "appends applied and repeated")


ONE_NODE = [
    an_event_comes_back_as_it_was_sent,
    expected_versions_are_held_to,
    a_repeat_is_answered_like_the_first_time,
    what_stands_partly_or_elsewhere_is_a_conflict,
    a_stream_is_read_both_ways_from_anywhere,
    the_whole_log_is_read_with_filters_and_after_a_position,
    a_deleted_stream_begins_anew_above_version_0,
    a_tombstone_is_for_ever,
    what_is_too_large_is_refused,
    a_restarted_node_has_kept_everything,
    an_unavailable_server_has_written_nothing,
    a_cut_line_leaves_open_what_happened_and_a_repeat_settles_it,
    late_answers_and_silence_end_at_the_deadline,
    what_is_delivered_twice_stands_once,
]
THREE_NODES = [a_follower_names_the_leader, another_node_takes_over_from_a_dead_one]


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: witness.py PATH/TO/kurrentdb-stand-in")
    failed = 0
    for nodes, scenarios in [(1, ONE_NODE), (3, THREE_NODES)]:
        for scenario in scenarios:
            name = scenario.__name__.replace("_", " ")
            stand_in = StandIn(sys.argv[1], "--nodes", str(nodes))
            try:
                scenario(stand_in)
                stand_in.end()
                print(f"ok      {name}")
            except Exception:
                failed += 1
                stand_in.process.kill()
                print(f"DIFFERS {name}")
                traceback.print_exc(file=sys.stdout)
    scenarios_run = len(ONE_NODE) + len(THREE_NODES)
    print(f"{scenarios_run - failed} of {scenarios_run} scenarios go as the client expects of a server")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
