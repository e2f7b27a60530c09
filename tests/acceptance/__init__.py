"""Commands and workers as people run them: real processes, real servers."""
