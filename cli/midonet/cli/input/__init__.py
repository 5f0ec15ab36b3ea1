"""Read YAML files and manifests."""
