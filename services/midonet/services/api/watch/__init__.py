"""Watching the log: one message for every commit, in order, to any number of clients.

What a client is promised is what etcd promises: messages are ordered, unique, reliable (none is left out), atomic (one
message is one commit), and resumable at a position; marks tell how far it has seen everything.
"""
