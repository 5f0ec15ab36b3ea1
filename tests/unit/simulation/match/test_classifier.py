"""Classifiers against a plain evaluation of each condition, and the masks that they record."""

from hypothesis import given, settings
from hypothesis import strategies as st

from midonet.events.model.chain import Rule
from midonet.simulation.header import Header, present
from midonet.simulation.match.classifier import Classifier, holds
from midonet.simulation.match.terms import terms_of
from midonet.simulation.packet.fields import COUNT
from midonet.simulation.packet.packet import Packet
from midonet.simulation.packet.text import parse

ID = "7c1f6ae8-4f0e-4d9c-8f0e-000000000000"


class Nothing:
    """A context in which no port, group or connection is known."""

    rewritten = False

    def ids(self, term: str) -> tuple[str, ...]:
        """Return none."""
        del term
        return ()

    def is_return_flow(self) -> bool:
        """Return False."""
        return False


def maybe(name: str, values: st.SearchStrategy[object]) -> st.SearchStrategy[dict[str, object]]:
    return st.one_of(
        st.just({}),
        values.map(lambda value: {name: value}),
        values.map(lambda value: {name: value, f"inv_{name}": True}),
    )


ADDRESS = st.builds("10.{}.{}.{}".format, *[st.integers(0, 3)] * 3)
PREFIX = st.builds("{}/{}".format, ADDRESS, st.integers(0, 32))
PORTS = st.tuples(st.integers(0, 9), st.integers(0, 9)).map(lambda ends: f"{min(ends)}-{max(ends)}")
MACS = st.integers(0, 3).map("02:00:00:00:00:{:02x}".format)
TERMS = st.tuples(
    maybe("dl_type", st.sampled_from([0x0800, 0x0806, 0x86DD])),
    maybe("nw_proto", st.sampled_from([1, 6, 17])),
    maybe("nw_src", PREFIX),
    maybe("nw_dst", PREFIX),
    maybe("tp_src", PORTS),
    maybe("tp_dst", PORTS),
    maybe("nw_tos", st.integers(0, 3)),
    maybe("dl_src", MACS),
    maybe("dl_dst", MACS),
    st.sampled_from([{}, {"no_vlan": True}, {"vlan": 3}, {"conjunction_inv": True}]),
    st.sampled_from([{}, {}, {"fragment_policy": "header"}, {"fragment_policy": "unfragmented"}]),
)


def rule(parts: tuple[dict[str, object], ...]) -> Rule:
    return Rule(id=ID, chain=ID, action="drop", **{name: value for part in parts for name, value in part.items()})  # type: ignore[arg-type]


PACKETS = st.one_of(
    st.builds(
        "{},dl_src={},dl_dst={},nw_src={},nw_dst={},tp_src={},tp_dst={},nw_tos={}{}".format,
        st.sampled_from(["tcp", "udp"]),
        MACS,
        MACS,
        ADDRESS,
        ADDRESS,
        st.integers(0, 9),
        st.integers(0, 9),
        st.integers(0, 3),
        st.sampled_from(["", ",dl_vlan=3", ",nw_frag=first"]),
    ),
    st.builds("arp,dl_src={},arp_spa={},arp_tpa={}".format, MACS, ADDRESS, ADDRESS),
    st.builds("icmp,dl_src={},nw_src={},nw_dst={}".format, MACS, ADDRESS, ADDRESS),
    st.just("tcp6,ipv6_src=fd00::1,ipv6_dst=fd00::2,tp_dst=5"),
)


def plainly_first(rules: list[Rule], packet: Packet) -> int | None:
    """Return the first rule that a packet meets, by one look at each."""
    for index, one in enumerate(rules):
        terms = terms_of(one, lambda _group: [])
        fragment = present(packet.values)[8]
        if terms.fragments and fragment >= 0 and not any(low <= fragment <= high for low, high in terms.fragments):
            continue
        if holds(terms, Header(packet), Nothing()) != terms.inverted:
            return index
    return None


@settings(max_examples=150, deadline=None)
@given(st.lists(TERMS.map(rule), max_size=12), st.lists(PACKETS, min_size=1, max_size=8))
def test_first_condition_is_that_of_plain_look(rules: list[Rule], texts: list[str]) -> None:
    classifier = Classifier([terms_of(one, lambda _group: []) for one in rules])
    for text in texts:
        packet = parse(text)
        assert classifier.first(Header(packet), Nothing()) == plainly_first(rules, packet), text


@settings(max_examples=150, deadline=None)
@given(st.lists(TERMS.map(rule), max_size=12), PACKETS, st.lists(PACKETS, min_size=5, max_size=20), st.randoms())
def test_packets_that_agree_on_what_was_read_meet_the_same(
    rules: list[Rule], text: str, others: list[str], rng: object
) -> None:
    del rng
    classifier = Classifier([terms_of(one, lambda _group: []) for one in rules])
    packet = parse(text)
    header = Header(packet)
    found = classifier.first(header, Nothing())
    for other in map(parse, others):
        if all((packet.values[f] ^ other.values[f]) & header.reads[f] == 0 for f in range(COUNT)):
            assert classifier.first(Header(other), Nothing()) == found


def test_rule_that_is_hidden_behind_many_reads_few_bits() -> None:
    rules = [rule(({"nw_dst": f"10.{i}.0.0/16"},)) for i in range(200)]
    classifier = Classifier([terms_of(one, lambda _group: []) for one in rules])
    header = Header(parse("udp,nw_src=1.2.3.4,nw_dst=192.0.2.1"))
    assert classifier.first(header, Nothing()) is None
    assert sum(mask.bit_count() for mask in header.reads) <= 16 + 2, "the type, and that the address is not in 10/8"
