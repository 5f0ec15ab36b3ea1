"""What `midonet-cluster dev` adds to the daemon: a folder with settings and data, and an emulated switch."""
