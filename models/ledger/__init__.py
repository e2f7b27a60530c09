"""Every write of the ledger, one module a transition; the old state stands in each statement's WHERE.

It must not know Redis, Dramatiq or what an actor does. Reads live in `models.readings`.
"""
