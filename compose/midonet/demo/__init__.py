"""The demo: applies a published data-centre design to real servers, changes it, kills the daemon and checks the views.

It runs the programs as an operator does and reads the results with independent tools (kazoo, vtep-ctl, ovsdb-client).
It leaves nothing running.
"""
