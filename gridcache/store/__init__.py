"""Store: one node's memory. Index, arena, policies and who uses them. No Ray."""
