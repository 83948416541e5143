"""Thresholds for a room: what is missed, and how often it fires on nothing, at each of them."""
