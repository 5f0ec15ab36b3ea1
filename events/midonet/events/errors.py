"""The one error tree of the project: what went wrong, where, and what to do about it.

Errors carry a machine `code`, a `message` for people, `details` for programs and the exit status of a program that
ends with them. Nothing here formats for a screen.

    MidonetError
    ├── UsageError                 the invocation is invalid
    │   └── UnsupportedContentType the body of a request is of a content type that is not accepted
    ├── Rejected                   the command is understood and refused; nothing changed
    │   ├── InvalidValue           a value is outside its type, range or format
    │   ├── Conflict               it collides with an existing object
    │   │   ├── HeadMoved          the log is not at the expected head
    │   │   ├── ObjectChanged      the object has changed since the caller read it
    │   │   └── CommandIdReused    the command id belongs to another command
    │   ├── InUse                  other objects refer to what would be deleted
    │   ├── AmbiguousRef           a name or prefix fits several objects
    │   ├── TooLarge               one commit would exceed the limit of the log
    │   └── Denied                 permission denied
    │       ├── Unauthenticated    authentication required
    │       └── Throttled          too many attempts; retry later
    ├── NotFound                   nothing has that id, name or moment
    ├── Unavailable                the log or a server cannot be reached at the moment
    │   ├── NoLog                  the server of the log can be reached, and has no log of that name
    │   ├── ClockSkew              this machine's clock and the times of the log contradict each other
    │   └── OutcomeUnknown         the connection failed between write and answer; retry with the command id
    ├── Misconfigured              a server is reachable, but set up so that data would be lost
    ├── TimedOut                   waited longer than the caller allowed
    └── VerificationFailed         stored bytes are not as expected
        ├── Tampered               the chain is broken at a position
        ├── LostCommits            the log ends before a position that a reader has already seen
        └── Diverged               the log holds another commit at a position that a reader has seen
"""

from typing import Any, ClassVar


class MidonetError(Exception):
    """Root of the tree; `code` is stable for machines, `details` holds the values behind the message."""

    code: ClassVar[str] = "error"
    exit_status: ClassVar[int] = 1
    """Exit code of a program that fails with this error (contract §2)."""

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.details = details


class UsageError(MidonetError):
    """The invocation is invalid."""

    code = "usage"
    exit_status = 2


class UnsupportedContentType(UsageError):
    """The body of a request is of a content type that is not accepted; `details["allowed"]` lists those that are."""

    code = "unsupported-content-type"


class Rejected(MidonetError):
    """The command is understood and refused; nothing changed."""

    code = "rejected"
    exit_status = 3


class InvalidValue(Rejected):
    """A value is outside its type, range or format; `details` has the field and the `reason`."""

    code = "invalid-value"


class Conflict(Rejected):
    """The command collides with an existing object; `details` has the `reason` (`midonet.events.reason_codes`)."""

    code = "conflict"


class HeadMoved(Conflict):
    """The log is not at the expected head; `details` has both positions and the commits between."""

    code = "head-moved"


class ObjectChanged(Conflict):
    """The object is not as the caller read it; `details` has both positions."""

    code = "object-changed"


class CommandIdReused(Conflict):
    """The command id was used before, for a command with another content."""

    code = "command-id-reused"


class InUse(Rejected):
    """Other objects refer to what would be deleted; `details["referrers"]` lists them."""

    code = "in-use"


class AmbiguousRef(Rejected):
    """A name or id prefix fits several objects; `details["candidates"]` lists them."""

    code = "ambiguous"


class TooLarge(Rejected):
    """One commit would exceed the limit of the log; nothing was written."""

    code = "too-large"


class Denied(Rejected):
    """Permission denied; nothing is disclosed about objects that the principal may not read."""

    code = "denied"


class Unauthenticated(Denied):
    """Authentication required: no credentials, or none that are valid."""

    code = "unauthenticated"


class Throttled(Denied):
    """Too many failed attempts; retry after `details["seconds"]`."""

    code = "throttled"


class NotFound(MidonetError):
    """Nothing has that id, name or moment."""

    code = "not-found"
    exit_status = 4


class Unavailable(MidonetError):
    """The log or a server cannot be reached at the moment; trying again later may help."""

    code = "unavailable"
    exit_status = 5


class NoLog(Unavailable):
    """There is no log at that address; its server can be reached."""


class ClockSkew(Unavailable):
    """This machine's clock and the time of the last commit contradict each other; nothing was written."""

    code = "clock-skew"


class OutcomeUnknown(Unavailable):
    """The connection failed between write and answer; a retry with the command id never executes it twice."""

    code = "outcome-unknown"


class Misconfigured(MidonetError):
    """A server is reachable, but set up so that commits could be lost; refused before anything is written."""

    code = "misconfigured"
    exit_status = 5


class TimedOut(MidonetError):
    """Waited longer than the caller allowed."""

    code = "timed-out"
    exit_status = 6


class VerificationFailed(MidonetError):
    """Stored bytes or views are not as expected."""

    code = "verification-failed"
    exit_status = 7


class Tampered(VerificationFailed):
    """The chain is broken; `details["position"]` is the first position that cannot be trusted."""

    code = "tampered"


class LostCommits(VerificationFailed):
    """The log ends before a position that a reader has already seen; `details` has both positions."""

    code = "lost-commits"


class Diverged(VerificationFailed):
    """The log holds another commit at a position that a reader has already seen."""

    code = "diverged"
