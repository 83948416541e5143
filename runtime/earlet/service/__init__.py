"""What runs for months: the daemon, its actions, what it records and tells."""
