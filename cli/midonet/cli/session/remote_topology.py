"""A cluster behind its API in the place of a log: objects are fetched on demand, the cluster decides commands.

Reading one object takes one or two requests. An invocation reads everything as of one position: that of `--at`, or of
the first response.
"""

from collections.abc import Iterator, Mapping
from contextlib import closing
from time import monotonic
from typing import Any, TypeVar

import msgspec

from midonet.cli.output.progress import progress
from midonet.events.access.authorization import Principal
from midonet.events.api_client import ApiClient
from midonet.events.commands.command import Command
from midonet.events.commit import GENESIS, Event, Head
from midonet.events.errors import NotFound, TimedOut, UsageError
from midonet.events.log import open_api_log
from midonet.events.log.pending_command import Context, Result, new_command_id
from midonet.events.model import KINDS, Entity, kind_of
from midonet.events.queries.names import Names
from midonet.events.system.tag import Tag
from midonet.events.topology.topology import Topology

T = TypeVar("T")

_PAGE = 10_000
_PIECE = 20.0


class RemoteTopology(Topology):
    """The topology of a cluster as of a moment; objects are fetched on first use."""

    def __init__(self, client: ApiClient, moment: str | None = None) -> None:
        self._client = client
        self._moment = moment
        self._at: Head | None = None
        self._whole: set[str] = set()
        self._missing: set[str] = set()
        self._by_name: dict[tuple[str, str], list[Entity]] = {}
        super().__init__()

    @property
    def head(self) -> Head:
        """The head as of which everything is read."""
        if self._at is None:
            self._at = head_of(self._client, self._moment)
        return self._at

    @head.setter
    def head(self, new: Head) -> None:
        if new is not GENESIS:
            self._at = new

    @property
    def tags(self) -> dict[str, Tag]:
        """The tags by name."""
        return dict(tags_of(self._client, str(self.head.position)))

    def __len__(self) -> int:
        """Return the number of objects."""
        self._fetch_all()
        return super().__len__()

    def __iter__(self) -> Iterator[Entity]:
        """Yield every object."""
        self._fetch_all()
        return super().__iter__()

    def get(self, kind: str, object_id: str) -> Any:
        """Return the object of that kind (`a|b` for either) and id, or None."""
        found = self.find(object_id)
        return found if found is not None and found.KIND in kind.split("|") else None

    def find(self, object_id: str) -> Entity | None:
        """Return the object of any kind with that id, or None."""
        found = super().find(object_id)
        if found is None and object_id not in self._missing:
            self._fetch(object_id)
            found = super().find(object_id)
        return found

    def all(self, kind: str) -> Mapping[str, Any]:
        """Return all objects of a kind by id."""
        if kind not in self._whole:
            self._store(self._list(kind))
            self._whole.add(kind)
        return super().all(kind)

    def named(self, kind: str, name: str) -> list[Entity]:
        """Return the objects of a kind that have this name."""
        if kind in self._whole:
            return super().named(kind, name)
        if (kind, name) not in self._by_name:
            found = self._list(kind, filter=f"name={name}")
            self._store(found)
            self._by_name[kind, name] = found
        return self._by_name[kind, name]

    def referring(self, object_id: str) -> list[tuple[Entity, str]]:
        """Return every (object, field) that refers to an object."""
        self._fetch_all()
        return super().referring(object_id)

    def referrers(self, object_id: str, kind: str, field: str) -> Iterator[Any]:
        """Yield the objects of `kind` whose `field` refers to an object."""
        self.all(kind)
        return super().referrers(object_id, kind, field)

    def _fetch_all(self) -> None:
        for kind in KINDS:
            self.all(kind)

    def _store(self, entities: list[Entity]) -> None:
        for entity in entities:
            self.swap(entity.id, entity)

    def _list(self, kind: str, **query: Any) -> list[Entity]:
        cls: Any = list[kind_of(kind).cls]  # type: ignore[misc]  # a type known at run time only
        found: list[Entity] = []
        target: str | None = f"/v1/{kind_of(kind).plural}"
        asked = {**query, "limit": _PAGE, "at": self.head.position}
        with progress(f"reading {kind_of(kind).plural} of the cluster") as step:
            while target is not None:
                reply = self._client.get(target, **asked)
                page = msgspec.json.decode(reply.body, type=cls)
                step(len(page))
                found += page
                link = reply.headers.get("link", "")
                target, asked = (link[1:].partition(">")[0] or None) if link else None, {}
        return found

    def _fetch(self, object_id: str) -> None:
        """Fetch an object, and all objects that fetched ones refer to: they are usually read next."""
        known = [entity for kind in KINDS for entity in super(RemoteTopology, self).all(kind).values()]
        wanted = {target for entity in known for _, target in KINDS[entity.KIND].targets(entity)}
        ids = [one for one in {object_id, *wanted} if super(RemoteTopology, self).find(one) is None]
        body = msgspec.json.encode([one for one in ids if one not in self._missing])
        headers = {"Content-Type": "application/json"}
        query = {"at": self.head.position}
        reply = self._client.request("POST", "/v1/objects", query=query, headers=headers, body=body)
        found = [msgspec.convert(one, kind_of(one["kind"]).cls) for one in msgspec.json.decode(reply.body)]
        self._store(found)
        self._missing |= set(ids) - {entity.id for entity in found}


class RemoteStore:
    """The part of `Store` that a write needs; the cluster decides each command once."""

    def __init__(self, url: str, client: ApiClient) -> None:
        self.log = open_api_log(url, client)
        self._client = client
        self.topology: Topology = RemoteTopology(client)

    def refresh(self) -> Head:
        """Read the cluster again; return the end of its log."""
        self.topology = RemoteTopology(self._client)
        return self.topology.head

    def execute(self, command: Command, context: Context, *, dry_run: bool = False) -> Result:
        """Run one command; the same command id again returns the original result. Raises as `Store.execute`."""
        with progress("waiting for the cluster to decide"):
            reply = self._client.request(
                "POST",
                "/v1/commands",
                query={"dry_run": dry_run or None},
                headers=_headers(context),
                body=msgspec.json.encode(command),
            )
        self.topology = RemoteTopology(self._client)
        return msgspec.json.decode(reply.body, type=Result)


def _headers(context: Context) -> Mapping[str, str]:
    headers = {
        "Content-Type": "application/json",
        "Idempotency-Key": context.command_id or new_command_id(),
        "Midonet-Actor": context.actor,
        "Midonet-Reason": context.reason,
        "Midonet-Correlation": context.correlation,
        "Midonet-Causation": context.causation,
        "If-Head": str(context.if_head) if context.if_head is not None else None,
    }
    return {name: text for name, text in headers.items() if text is not None}


def head_of(client: ApiClient, moment: str | None = None) -> Head:
    """Return the end of the log as of a moment."""
    found = msgspec.json.decode(client.get("/v1/head", at=moment).body)
    return Head(found["position"], found["hash"], found["time"] or "")


def tags_of(client: ApiClient, moment: str | None = None) -> Mapping[str, Tag]:
    """Return the tags by name, as of a moment."""
    return {tag.name: tag for tag in msgspec.json.decode(client.get("/v1/tags", at=moment).body, type=list[Tag])}


def reads_all(client: ApiClient) -> bool:
    """Return whether the user may read everything."""
    found = msgspec.json.decode(client.get("/v1/whoami").body)
    return Principal(found["name"], found["roles"]).reads_all


def difference_of(client: ApiClient, one: int, other: int) -> tuple[list[Event], Names]:
    """Return the events from one position to another that the user may read, and the names of objects."""
    reply = client.get("/v1/diff", from_=one, to=other)
    events = msgspec.json.decode(reply.body, type=_Difference).events
    then, now = (RemoteTopology(client, str(position)) for position in (one, other))
    names = Names(lambda object_id: now.find(object_id) or then.find(object_id))
    for event in events:
        names.add(event)
    return events, names


class _Difference(msgspec.Struct):
    events: list[Event]


def counts_of(client: ApiClient) -> dict[str, int]:
    """Return how many objects of each kind there are."""
    counts: dict[str, int] = msgspec.json.decode(client.get("/v1").body)["objects"]
    return counts


def wait_for(client: ApiClient, position: int, wanted: Mapping[str, float]) -> dict[str, int]:
    """Wait until the cluster's projections show a position, each for so many seconds; return where they are."""
    begun = monotonic()
    return {name: _await(client, name, position, begun + seconds) for name, seconds in wanted.items()}


def _await(client: ApiClient, name: str, position: int, deadline: float) -> int:
    """Wait by several requests: proxies close connections that are idle for long."""
    while True:
        left = max(0.0, deadline - monotonic())
        try:
            reply = client.get("/v1/wait", for_=f"{name}={min(left, _PIECE):g}", position=position)
        except TimedOut:
            if left <= _PIECE:
                raise
        else:
            reached: int = msgspec.json.decode(reply.body)["views"][name]
            return reached


def status_part(url: str, page: str, name: str, kind: type[T]) -> T:
    """Return a part of a status page of a cluster; `Unavailable` without a response, `NotFound` without the part."""
    if not url.startswith(("http://", "https://")):
        raise UsageError("--cluster: expected an address such as http://127.0.0.1:8181", option="cluster")
    with closing(ApiClient(url.rstrip("/"))) as client:
        found = msgspec.json.decode(client.get(page).body)
    try:
        return msgspec.convert(found[name], kind)
    except (KeyError, TypeError, msgspec.ValidationError):
        raise NotFound(f"no midonet-cluster at that address: the response has no {name}") from None
