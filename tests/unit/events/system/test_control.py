"""Controls of projections and services: notes on the log, with history, revert and defaults that need no word."""

import pytest
from world import World

from midonet.cli.commands.log import _NOTES
from midonet.events.commands.command import Enable, Op, Pause, Retry, Revert, Skip
from midonet.events.commit import Event, Record
from midonet.events.errors import Conflict, InvalidValue, VerificationFailed
from midonet.events.log.verification import audit
from midonet.events.queries.describe import describe
from midonet.events.queries.names import Names
from midonet.events.system.objects import SYSTEM_KINDS, control_of, runs
from midonet.events.topology.evolve import invert

KEY = "models/bridge/b1"


def told(world: World, op: Op) -> list[str]:
    return [describe(event, Names()) for event in world.run(op).events]


def test_controls_of_a_projection_are_described() -> None:
    world = World()
    assert told(world, Pause("nsdb")) == ["projection nsdb: paused"]
    assert told(world, Pause("nsdb")) == []
    assert told(world, Skip("nsdb", KEY)) == [f"projection nsdb: skips {KEY}"]
    assert told(world, Pause("nsdb", paused=False)) == ["projection nsdb: resumed"]
    assert control_of(world.topology.system, "nsdb").skipped == (KEY,)
    assert told(world, Retry("nsdb", KEY)) == [f"projection nsdb: no longer skips {KEY}, tries again what is parked"]
    assert told(world, Retry("nsdb")) == ["projection nsdb: tries again what is parked"]
    assert len(world.topology) == 0, "no part of the network"


def test_default_control_is_not_stored() -> None:
    world = World()
    world.run(Pause("vtep"))
    assert told(world, Pause("vtep", paused=False)) == ["projection vtep: resumed"]
    assert told(world, Enable("vtep")) == []
    assert world.topology.system == {}


def test_a_node_may_have_a_word_of_its_own() -> None:
    world = World()
    assert told(world, Enable("vtep", enabled=False)) == ["service vtep: disabled"]
    assert told(world, Enable("vtep", "n1")) == ["service vtep on node n1: enabled"]
    system = world.topology.system
    assert [runs(system, "vtep", node) for node in ("n1", "n2", None)] == [True, False, False]
    assert told(world, Enable("vtep")) == ["service vtep: enabled"]
    assert told(world, Enable("vtep", "n1")) == ["service vtep on node n1: as on all other nodes"]
    assert runs(world.topology.system, "nsdb", "n1")


def test_a_control_is_reverted_unless_it_changed_since() -> None:
    world = World()
    paused = world.run(Pause("nsdb"))
    world.run(Revert(1, invert(paused.events)))
    assert world.topology.system == {}
    with pytest.raises(Conflict, match="projection nsdb is no longer as the commit left it"):
        world.run(Revert(1, invert(paused.events)))


@pytest.mark.parametrize("op", [Pause(""), Pause("a b"), Skip("nsdb", ""), Skip("nsdb", "a\nb"), Enable("x", "-1")])
def test_nonsense_is_refused(op: Op) -> None:
    with pytest.raises(InvalidValue):
        World().run(op)


def test_too_many_skipped_keys_are_refused() -> None:
    world = World()
    world.run(*(Skip("nsdb", f"key{number}") for number in range(1_000)))
    with pytest.raises(InvalidValue, match="skips 1000 keys already"):
        world.run(Skip("nsdb", "one more"))


def test_an_audit_sees_old_values_that_were_not() -> None:
    world = World()
    world.run(Skip("nsdb", KEY))
    (event,) = world.run(Pause("nsdb")).events
    forged = Event(event.type, event.v, event.key, {"changed": {"skipped": [["other"], []]}})

    class Forged:
        """A record with one event."""

        class commit:  # noqa: N801 - as a record's
            """Its commit."""

            position, events = 3, (forged,)

        head = world.topology.head

    record: Record = Forged()  # type: ignore[assignment]  # all that an audit asks for
    with pytest.raises(VerificationFailed, match="other old values"):
        audit(world.topology, record)


def test_log_command_accepts_every_system_kind() -> None:
    assert set(_NOTES) == set(SYSTEM_KINDS)
