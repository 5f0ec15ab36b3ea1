"""The topology model: one declaration per kind, and everything compiled from it."""

from midonet.events.model.base import Entity, View
from midonet.events.model.field_spec import FieldSpec
from midonet.events.model.fields import OnDelete, Ref
from midonet.events.model.schema import KINDS, Kind, kind_of, ordered, plain

__all__ = ["KINDS", "Entity", "FieldSpec", "Kind", "OnDelete", "Ref", "View", "kind_of", "ordered", "plain"]
