"""The HTTP layer: routes, parameters, problem details and OpenAPI."""
