"""Tables, the ledger (every write), the readings (every read), migrations, Redis job status and dead queues."""
