"""The history index: the positions in the log of all commits on an object, so that queries do not read the whole log.

An index is a disposable cache: it has positions, and the commits come from the log and are verified by their hashes. It
is stored in a file in the user's cache, maintained by `midoctl`, or in a database, maintained by the service `history`
of a cluster.
"""
