"""Which token comes next: from a decoder's logits to a text, by every strategy of the task."""
