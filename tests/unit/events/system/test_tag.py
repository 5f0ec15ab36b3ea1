"""Tags: notes on the log that are no part of the network."""

import pytest
from world import World

from midonet.events.commands.command import DropTag, Revert, SetTag
from midonet.events.commit import Head
from midonet.events.errors import Conflict, InvalidValue, NotFound
from midonet.events.system.tag import is_name
from midonet.events.topology.evolve import invert

TIME = "2026-01-31T12:00:00.000000Z"


def at(position: int) -> SetTag:
    return SetTag("stable", position, str(position) * 64, TIME)


@pytest.fixture
def world() -> World:
    world = World()
    world.topology.head = Head(5, "5" * 64, TIME)
    return world


def test_a_tag_is_set_moved_and_dropped(world: World) -> None:
    words = [event.type for op in (at(3), DropTag("stable")) for event in world.run(op).events]
    assert words == ["tag.created", "tag.deleted"]
    assert world.topology.tags == {}
    assert len(world.topology) == 0


def test_deciding_leaves_the_tags_alone(world: World) -> None:
    world.run(at(3))
    with pytest.raises(Conflict, match="position 3 already"):
        world.run(at(4))
    assert world.topology.tags["stable"].position == 3


def test_a_move_is_reverted(world: World) -> None:
    world.run(at(3))
    moved = world.run(SetTag("stable", 4, "4" * 64, TIME, move=True))
    world.run(Revert(1, invert(moved.events)))
    assert (world.topology.tags["stable"].position, world.topology.tags["stable"].hash) == (3, "3" * 64)
    with pytest.raises(Conflict, match="no longer"):
        world.run(Revert(1, invert(moved.events)))


def test_a_tag_names_what_is_there(world: World) -> None:
    with pytest.raises(NotFound):
        world.run(at(6))
    with pytest.raises(NotFound):
        world.run(SetTag("stable", 5, "0" * 64, TIME))
    with pytest.raises(NotFound):
        world.run(DropTag("stable"))
    with pytest.raises(InvalidValue):
        world.run(SetTag("2026", 5, "5" * 64, TIME))


@pytest.mark.parametrize(
    ("text", "good"),
    [
        *((good, True) for good in ("before-upgrade", "v2.0", "größer", "a" * 255)),
        *((bad, False) for bad in ("1", "", "a b", "-x", "a" * 256, "a\n", "kind/name")),
    ],
)
def test_a_name_of_a_tag_is_no_other_moment(text: str, good: bool) -> None:  # noqa: FBT001 - a column of the table
    assert is_name(text) == good
