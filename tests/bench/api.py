"""One API node in its own process: commands of many clients, and the latency from a commit to a thousand watchers.

The peer of commands is the same writer without HTTP: as many commanders in one process; the peer of three nodes on one
log is one node. The peer of the thousand is one watcher, and a bare server that sends as many bytes to as many clients.
"""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from statistics import median
from time import perf_counter, sleep
from urllib.parse import urlsplit

from commanders import commanding
from figures import Row, Work, alternate, duration, percentiles, rate
from load import directory, sqlite_url

from midonet.testbed import Kafka
from midonet.testbed.cluster import ClusterDaemon

__all__ = ["api"]

_CLIENTS = 100
_EACH = 20
_NODES = 3
_WATCHERS = 1_000
_Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def api(*, quick: bool) -> Iterator[Row]:
    """Commands on SQLite and on Kafka; then the watch."""
    pairs = 3 if quick else 7
    with directory() as place:
        yield from _commands("SQLite", sqlite_url(place / "log.db"), sqlite_url(place / "peer.db"), pairs)
        yield from _watch(sqlite_url(place / "watch.db"), 10 if quick else 40)
    with Kafka() as kafka:
        url = f"kafka://{kafka.bootstrap}"
        yield from _commands("Kafka", f"{url}/api", f"{url}/peer", pairs)
        yield _commands_of_three(f"{url}/three", f"{url}/one", pairs)


@contextmanager
def _node(log: str) -> Iterator[str]:
    with ClusterDaemon("--log", log, "--zookeeper", "127.0.0.1:1") as daemon:
        while daemon.get("/v1/head")[0] != 200:
            sleep(0.05)
        yield urlsplit(daemon.url).netloc


def _commands(backend: str, log: str, peer_log: str, pairs: int) -> Iterator[Row]:
    with _node(log) as place, commanding(peer_log) as peer, asyncio.Runner() as runner:
        found = alternate(pairs, _clients(runner, place), peer)
    yield Row(
        name=f"commands of {_CLIENTS} HTTP clients on {backend}, vs commanders in the writer's process",
        ours=rate(found.ours),
        peer=rate(found.peer),
        ratios=found.faster(),
    )


def _commands_of_three(log: str, peer_log: str, pairs: int) -> Row:
    with ExitStack() as stack:
        places = [stack.enter_context(_node(log)) for _ in range(_NODES)]
        alone, runner = stack.enter_context(_node(peer_log)), stack.enter_context(asyncio.Runner())
        found = alternate(pairs, _clients(runner, *places), _clients(runner, alone))
    return Row(
        name=f"commands of {_CLIENTS} HTTP clients at {_NODES} nodes on one log in Kafka, vs at one node",
        ours=rate(found.ours),
        peer=rate(found.peer),
        ratios=found.faster(),
        note="all nodes, the broker and the clients share the machine",
    )


def _clients(runner: asyncio.Runner, *places: str) -> Work:
    """Return the work of clients that are spread over the nodes at `places`."""
    names = (f"http-{number}" for number in count())
    shares = [len(range(number, _CLIENTS, len(places))) for number in range(len(places))]
    open_pairs = [
        pair for place, share in zip(places, shares, strict=True) for pair in runner.run(_connect(place, share))
    ]

    async def commanders() -> int:
        await asyncio.gather(*(_create_some(pair, names) for pair in open_pairs))
        return _CLIENTS * _EACH

    return lambda: runner.run(commanders())


async def _connect(place: str, number: int) -> list[_Pair]:
    host, _, port = place.partition(":")
    return [await asyncio.open_connection(host, int(port)) for _ in range(number)]


async def _create_some(pair: _Pair, names: Iterator[str]) -> None:
    for _ in range(_EACH):
        body = b'{"name": "%b"}' % next(names).encode()
        answer = await _ask(pair, b"POST /v1/bridges", body)
        assert answer.startswith(b"HTTP/1.1 201"), answer


async def _ask(pair: _Pair, line: bytes, body: bytes = b"") -> bytes:
    reader, writer = pair
    writer.write(
        b"%b HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
        % (line, len(body), body)
    )
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    return head


# The watch


def _watch(log: str, rounds: int) -> Iterator[Row]:
    with ExitStack() as stack:
        place = stack.enter_context(_node(log))
        runner = stack.enter_context(asyncio.Runner())
        commander = runner.run(_connect(place, 1))[0]
        one = runner.run(_fan_out(commander, runner.run(_watchers(place, 1)), "one", rounds))
        many = runner.run(_fan_out(commander, runner.run(_watchers(place, _WATCHERS)), "many", rounds))
        bare = runner.run(_bare(rounds))
    for name, peer in (("one watcher", one), (f"a bare server with {_WATCHERS:,} clients", bare)):
        yield Row(
            name=f"command → the last of {_WATCHERS:,} watchers, vs {name}",
            ours=_told(many),
            peer=_told(peer),
            ratios=[median(many[start::4]) / median(peer[start::4]) for start in range(4)],
            note="from sending the command until the last client has read the commit; all clients are in one process",
        )


async def _watchers(place: str, number: int) -> list[_Pair]:
    pairs = await _connect(place, number)
    for _, writer in pairs:
        writer.write(b"GET /v1/watch?mark=60 HTTP/1.1\r\nHost: bench\r\n\r\n")
    await asyncio.gather(*(reader.readuntil(b"event: mark") for reader, _ in pairs))
    return pairs


async def _fan_out(commander: _Pair, watchers: list[_Pair], name: str, rounds: int) -> list[float]:
    """Return the seconds of each round; the watchers go away then."""
    found = []
    for number in range(rounds):
        await asyncio.sleep(0.05)
        begun = perf_counter()
        body = b'{"name": "%b-%d"}' % (name.encode(), number)
        command = asyncio.create_task(_ask(commander, b"POST /v1/bridges", body))
        await asyncio.gather(*(reader.readuntil(b"event: commit") for reader, _ in watchers))
        found.append(perf_counter() - begun)
        await command
    for _, writer in watchers:
        writer.close()
    return found


async def _bare(rounds: int) -> list[float]:
    """Send a commit's bytes to as many clients from a bare server in this process."""
    message = b"event: commit\ndata: " + b"x" * 700 + b"\n\n"
    served: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(lambda _, writer: served.append(writer), "127.0.0.1", 0)
    clients = await _connect(f"127.0.0.1:{server.sockets[0].getsockname()[1]}", _WATCHERS)
    found = []
    for _ in range(rounds):
        begun = perf_counter()
        for writer in served:
            writer.write(message)
        await asyncio.gather(*(reader.readuntil(b"event: commit") for reader, _ in clients))
        found.append(perf_counter() - begun)
    for writer in [*served, *(writer for _, writer in clients)]:
        writer.close()
    server.close()
    return found


def _told(seconds: list[float]) -> str:
    middle, worst = percentiles(seconds)
    return f"{duration(middle)}, worst {duration(worst)}"
