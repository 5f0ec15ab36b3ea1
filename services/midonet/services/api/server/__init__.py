"""The HTTP server; patches of uvicorn, and only these."""
