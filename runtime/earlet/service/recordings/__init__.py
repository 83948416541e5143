"""What was heard round each event, kept on disk: to be explained, and heard again."""
