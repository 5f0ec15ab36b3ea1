"""One invocation of midoctl on one log or cluster."""
