"""Patches of uvicorn, and only these."""
