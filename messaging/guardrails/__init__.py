"""What a draft says, read from its words: times, dates, windows, scheduling links and stances.

Every reader is pure and takes normalised text (`plain_text.normalised`). `messaging.invariants` judges with them.
"""
