"""The spill ladder: another node's idle memory, then this node's disk."""
