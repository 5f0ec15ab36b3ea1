"""What files describe: YAML and manifests."""
