"""Packets as values: decode, rewrite, text, and the packets that answer them."""
