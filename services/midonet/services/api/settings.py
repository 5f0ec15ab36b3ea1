"""Settings below `services.api` of the configuration file: OpenID Connect and token lifetime."""

from typing import Annotated, Any

from msgspec import Struct, field

from midonet.events.model.fields import about

_DAY = 86_400


class ApiConfig(Struct, frozen=True, kw_only=True):
    """OpenID Connect provider, and lifetime of the API's own tokens."""

    oidc_issuer: Annotated[str | None, about("Issuer of the accepted OpenID Connect tokens (claim `iss`).")] = None
    oidc_audience: Annotated[str | None, about("Required audience (claim `aud`); required with an issuer.")] = None
    oidc_keys: Annotated[str | None, about("URL (https) or file of the issuer's JWK set; required with an issuer.")] = (
        None
    )
    oidc_user: Annotated[str, about("Claim with the user name.")] = "sub"
    oidc_roles_claim: Annotated[
        str, about("Claim with roles or groups; a dot separates nested claims, e.g. realm_access.roles.")
    ] = "roles"
    oidc_roles: Annotated[
        dict[str, Any], about("Value of that claim → role or list of roles; other values grant no role.")
    ] = field(default_factory=dict)
    token_seconds: Annotated[float, about("Lifetime in seconds of a token from signing in.", ge=60, le=365 * _DAY)] = (
        12 * 3600.0
    )
