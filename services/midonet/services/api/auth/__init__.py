"""Authentication of requests: tokens, passwords, certificates, OpenID Connect, cross-origin checks."""
