"""Sound in: files, microphones, pipes, and their sample rates."""
