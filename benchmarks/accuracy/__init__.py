"""What is heard rightly; each is run by hand: `python -m benchmarks.accuracy.words`."""
