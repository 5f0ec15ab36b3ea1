"""The watch: one message for every commit, in order, to any number of clients.

The guarantees are those of etcd's watch: messages are ordered, unique, reliable (none is missing), atomic (one message
is one commit) and resumable at a position; marks state up to which position a client has received everything.
"""
