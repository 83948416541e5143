"""The protocol of Home Assistant's voice: speech to text, and wake words."""
