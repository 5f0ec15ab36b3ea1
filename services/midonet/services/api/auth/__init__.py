"""Who asks: authentication, OpenID Connect and cross-origin checks."""
