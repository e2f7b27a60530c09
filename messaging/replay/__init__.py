"""The replay harness: past conversations through the pipeline of today, with nothing let out. It never dispatches."""
