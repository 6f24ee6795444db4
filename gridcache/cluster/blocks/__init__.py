"""Memory blocks over the nodes of a grid."""
