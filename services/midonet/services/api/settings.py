"""Settings below `services.api` of the configuration file: identity providers, and what certificates are worth."""

from typing import Annotated, Any

from msgspec import Meta, Struct, field

_DAY = 86_400


class ApiConfig(Struct, frozen=True, kw_only=True):
    """What the API lets count as proof of who somebody is, beside passwords and tokens of its own."""

    oidc_issuer: Annotated[
        str | None, Meta(description="Issuer of OpenID Connect tokens that count, as their `iss` says.")
    ] = None
    oidc_audience: Annotated[str | None, Meta(description="What their `aud` must hold; needed with an issuer.")] = None
    oidc_keys: Annotated[
        str | None, Meta(description="URL (https) or file of the issuer's keys, a JWK set; needed with an issuer.")
    ] = None
    oidc_user: Annotated[str, Meta(description="Claim that names the user.")] = "sub"
    oidc_roles_claim: Annotated[
        str, Meta(description="Claim with roles or groups; dots lead into it, as realm_access.roles.")
    ] = "roles"
    oidc_roles: Annotated[
        dict[str, Any], Meta(description="Value of that claim → role or list of roles; others are worth nothing.")
    ] = field(default_factory=dict)
    token_seconds: Annotated[
        float, Meta(ge=60, le=365 * _DAY, description="Seconds that a token from signing in holds.")
    ] = 12 * 3600.0
