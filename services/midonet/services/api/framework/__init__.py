"""The HTTP layer: operations, parameters, routing, problem details and OpenAPI."""
