"""Whether the underlay carries: hosts of a tunnel zone probe each other by UDP, and report who answers."""
