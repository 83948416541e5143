"""State machines over samples and posteriors: no threads, no files, time in samples."""
