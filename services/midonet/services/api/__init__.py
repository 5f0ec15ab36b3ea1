"""The REST API of the cluster: operations on every kind, generated from the declarations of the model.

This package loads no web library on import; `midonet.services.api.service` does.
"""
