"""A node at work on the keys it is home of: reads, writes, copies, the directory, flights."""
