"""The service `hosts`: registers the hosts of agents and logs which are up."""
