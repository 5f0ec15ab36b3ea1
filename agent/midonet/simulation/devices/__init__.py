"""What each kind of device does with a packet."""
