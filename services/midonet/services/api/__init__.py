"""The REST API of the cluster: every kind, verb and question, generated from the model's declarations.

Loading this package loads no web library; `midonet.services.api.service` does.
"""
