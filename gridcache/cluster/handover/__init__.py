"""What goes from node to node when views change."""
