"""How an entry among Dramatiq's dead letters stands to the ledger, and what is to be done about it. Pure."""

from __future__ import annotations

from policy.states import JobState, Resolution, Word


class Standing(Word):
    """What the ledger says of an entry."""

    #: An open letter is its letter of record.
    IN_STEP = "in_step"
    #: Its letter was resolved, or its job has moved on: what is left of it in Redis goes.
    RESOLVED = "resolved"
    #: Another copy of a job whose open letter has an entry of its own: it goes.
    SURPLUS = "surplus"
    #: The open letter of its job knows of no entry: it is linked to this one.
    UNLINKED = "unlinked"
    #: The ledger knows nothing of it: it can be adopted.
    STRAY = "stray"


def standing(
    letters: set[Resolution], job_state: JobState | None, *, open_letter: bool = False, linked: bool = False
) -> Standing:
    """How an entry stands.

    `letters` are the resolutions of the letters that name this entry; `job_state` is its job's (None: no such job);
    `open_letter` says that the job has one, `linked` that this one names another entry.
    """
    if letters:
        return Standing.IN_STEP if Resolution.OPEN in letters else Standing.RESOLVED
    if job_state is None:
        return Standing.STRAY
    if job_state is not JobState.DEAD:
        return Standing.RESOLVED
    if not open_letter:
        return Standing.IN_STEP  # a dead job without a letter is a breach that `check` tells; nothing is thrown away
    return Standing.SURPLUS if linked else Standing.UNLINKED
