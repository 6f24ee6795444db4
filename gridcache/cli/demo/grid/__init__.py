"""The acts on a grid of two nodes, which Ray simulates on this machine.

They play in a process of their own (`player`), since a Ray cluster writes to the
terminal as it likes; `show` plays them from outside.
"""
