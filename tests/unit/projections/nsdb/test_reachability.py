"""The graph counts the causes of its edges and finds what is reached."""

from midonet.projections.nsdb.reachability import Graph

A, B, C, D = "abcd"


def test_an_edge_stays_as_long_as_something_causes_it() -> None:
    graph = Graph()
    assert graph.replace([], [(A, B)]) == {A}
    assert graph.replace([], [(A, B)]) == set()
    assert graph.replace([(A, B)], []) == set()
    assert set(graph.successors(A)) == {B}
    assert graph.replace([(A, B)], []) == {A}
    assert set(graph.successors(A)) == set()


def test_an_edge_that_is_caused_before_and_after_does_not_change() -> None:
    graph = Graph()
    graph.replace([], [(A, B), (A, C)])
    assert graph.replace([(A, B), (A, C)], [(A, C), (A, B)]) == set()
    assert graph.replace([(A, B), (A, C)], [(A, C), (D, B)]) == {A, D}


def test_reaching_goes_round_circles_both_ways() -> None:
    graph = Graph()
    graph.replace([], [(A, B), (B, C), (C, A), (C, D)])
    assert graph.reached_from(A) == {A, B, C, D}
    assert graph.reached_from(D) == {D}
    assert graph.reaching([D]) == {A, B, C, D}
    assert graph.reaching([]) == set()
