"""The history index: where in the log everything about an object is, so that no question about it reads the whole log.

An index is a disposable cache and holds no truth: it says at which positions to look, and the commits themselves come
from the log, checked by their hashes. One implementation, two homes: a file in the user's cache, kept by `midoctl`
itself, and a database kept by the service `history` of a cluster.
"""
