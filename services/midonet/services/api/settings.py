"""Settings below `services.api` of the configuration file: OpenID Connect and token lifetime."""

from typing import Annotated, Any

from msgspec import Meta, Struct, field

_DAY = 86_400


class ApiConfig(Struct, frozen=True, kw_only=True):
    """OpenID Connect provider, and lifetime of the API's own tokens."""

    oidc_issuer: Annotated[
        str | None, Meta(description="Issuer of the accepted OpenID Connect tokens (claim `iss`).")
    ] = None
    oidc_audience: Annotated[
        str | None, Meta(description="Required audience (claim `aud`); required with an issuer.")
    ] = None
    oidc_keys: Annotated[
        str | None, Meta(description="URL (https) or file of the issuer's JWK set; required with an issuer.")
    ] = None
    oidc_user: Annotated[str, Meta(description="Claim with the user name.")] = "sub"
    oidc_roles_claim: Annotated[
        str, Meta(description="Claim with roles or groups; a dot separates nested claims, e.g. realm_access.roles.")
    ] = "roles"
    oidc_roles: Annotated[
        dict[str, Any], Meta(description="Value of that claim → role or list of roles; other values grant no role.")
    ] = field(default_factory=dict)
    token_seconds: Annotated[
        float, Meta(ge=60, le=365 * _DAY, description="Lifetime in seconds of a token from signing in.")
    ] = 12 * 3600.0
