"""From a network's outputs to answers."""
