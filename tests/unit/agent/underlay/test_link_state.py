"""Which hosts a host probes; one lost packet or a flapping link does not change the reported state."""

from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from midonet.agent.underlay.link_state import MOST, Link, Target, probe, read, reply, targets
from midonet.agent.view.snapshot import Snapshot
from midonet.events.model.tunnel_zone import Member, TunnelZone

HERE, THERE = str(uuid4()), str(uuid4())


def snapshot(*zones: list[tuple[str, str]]) -> Snapshot:
    members = [tuple(Member(host=host, address=address) for host, address in zone) for zone in zones]
    made = {
        f"z{number}": TunnelZone(id=f"z{number}", name=f"z{number}", members=each)
        for number, each in enumerate(members)
    }
    return Snapshot("1", 1, "0" * 64, in_topology=True, objects={"tunnel-zone": made})


def link(answers: str, seconds: float = 1.0) -> Link:
    """Return what a link has become after answers (`+`) and losses (`-`), one each second."""
    found = Link()
    for number, each in enumerate(answers):
        found.answered(number * seconds, 0.001) if each == "+" else found.lost(number * seconds)
    return found


def test_only_members_of_our_zones_are_probed() -> None:
    view = snapshot([(HERE, "10.0.0.1"), (THERE, "10.0.0.2")], [("other", "10.1.0.1"), (THERE, "10.1.0.2")])
    assert targets(view, HERE) == {THERE: Target(THERE, "10.0.0.2", "10.0.0.1")}
    assert targets(view, "unknown") == {}


def test_every_host_of_a_large_zone_is_probed() -> None:
    hosts = [(str(uuid4()), f"10.0.{number // 250}.{number % 250 + 1}") for number in range(200)]
    view = snapshot(hosts)
    chosen = {host: targets(view, host) for host, _ in hosts}
    assert {len(each) for each in chosen.values()} == {MOST}
    asked = {host: sum(host in each for each in chosen.values()) for host, _ in hosts}
    assert min(asked.values()) > 0


def test_a_state_takes_three_in_a_row() -> None:
    assert [
        link(answers).state for answers in ("", "++", "+++", "---", "+++--", "+++---", "+++---++", "+++---+++")
    ] == [
        "unknown",
        "unknown",
        "up",
        "down",
        "up",
        "down",
        "down",
        "up",
    ]


def test_a_flapping_link_stays_down_until_it_was_quiet() -> None:
    flapping = "+++" + "---+++" * 3
    assert (link(flapping).state, link(flapping).flapping) == ("down", True)
    assert link(flapping + "+" * 60).state == "down"
    quiet = link(flapping + "+" * 150)
    assert (quiet.state, quiet.flapping) == ("up", False)
    slowly = "+++" + ("---" + "+" * 100) * 5
    assert link(slowly).state == "up", "once in a while is no flapping"


def test_answer_identifies_its_sender() -> None:
    packet = probe(HERE, 7)
    answer = reply(THERE, packet)
    assert answer is not None
    assert len(answer) == len(packet)
    assert read(answer) == (THERE, 7)
    assert reply(THERE, answer) is None, "an answer is not answered"
    assert read(packet) is None


@given(st.binary(max_size=64))
def test_garbage_gets_no_answer(packet: bytes) -> None:
    assert reply(HERE, packet) is None
    assert read(packet) is None
