"""The embedded servers as programs meet them: they start, keep data, end with their owner, and are found."""
