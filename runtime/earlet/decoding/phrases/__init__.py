"""Texts that are typed: words to listen for, and sentences that may be said."""
