"""Health of the underlay: hosts of a tunnel zone probe each other by UDP and report the state of their links."""
