"""Every statement that reads the ledger for people and metrics, one module a subject. It writes nothing."""
