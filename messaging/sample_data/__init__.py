"""Sample data: a made-up client with a year of made-up threads, the same for the same seed and day."""
