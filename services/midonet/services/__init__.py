"""The cluster daemon and the services that it runs."""
