"""Pure tests: no server, no network, no process of their own."""
