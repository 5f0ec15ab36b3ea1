"""What happens to a packet in the virtual network: pure functions of a topology, facts and a packet."""
