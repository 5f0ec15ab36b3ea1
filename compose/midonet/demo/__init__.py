"""The main job on real servers, narrated: a published data-centre design, applied, changed, killed and proven whole.

It uses the programs as an operator does, and looks at the results with other people's tools where there are some. It
must leave nothing running.
"""
