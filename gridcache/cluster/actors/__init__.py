"""The actors and how they are reached: membership, nodes, joining a grid. On Ray."""
