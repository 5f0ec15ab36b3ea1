"""Maintenance of views by operators: compare, rebuild, materialise, impact."""
