"""Quality of service: policies for bridges and ports, with a bandwidth limit and a DSCP mark."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from msgspec import Meta

from midonet.events.model.base import Entity
from midonet.events.model.fields import Id, OnDelete, Ref, Tenant, Text, about

_Policy = Annotated[Id, Ref("qos-policy", OnDelete.DELETE), about("Policy that the rule is in.")]
Kilo = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class QosPolicy(Entity, frozen=True, kw_only=True):
    """Bandwidth limit and DSCP marks for the traffic of a bridge or port."""

    KIND = "qos-policy"

    tenant: Tenant | None = None
    description: Annotated[Text | None, about("Purpose.")] = None
    shared: Annotated[bool, about("Whether other tenants may use it.")] = False


class QosBandwidthRule(Entity, frozen=True, kw_only=True):
    """Bandwidth limit of a policy."""

    KIND = "qos-bandwidth-rule"
    OWNER = ("policy",)
    NESTED = "bandwidth_rules"
    UNIQUE: ClassVar[Mapping[tuple[str, ...], str]] = {("policy",): "qos-rule-exists"}
    IDENTITY = ("policy",)

    policy: _Policy
    max_kbps: Annotated[Kilo, about("Kilobits per second.")]
    max_burst_kb: Annotated[Kilo | None, about("Burst size in kilobits.")] = None


class QosDscpRule(Entity, frozen=True, kw_only=True):
    """DSCP mark (RFC 2474) that a policy puts on packets."""

    KIND = "qos-dscp-rule"
    OWNER = ("policy",)
    NESTED = "dscp_rules"
    UNIQUE: ClassVar[Mapping[tuple[str, ...], str]] = {("policy",): "qos-rule-exists"}
    IDENTITY = ("policy",)

    policy: _Policy
    dscp_mark: Annotated[int, about("DSCP value.", ge=0, le=63)]
