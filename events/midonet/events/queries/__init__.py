"""The read side: moments, filters, descriptions and differences (pure)."""
