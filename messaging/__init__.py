"""The reply domain: mail in, drafts, guardrails, mail out. It never dispatches: it returns values; actors act."""
