"""Streams between nodes: messages, proof of the key, servers and peers. No Ray."""
