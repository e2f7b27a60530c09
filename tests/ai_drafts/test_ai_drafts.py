"""Every case of the suite, on the road that a live lead message takes."""

from __future__ import annotations

import pytest

from tests.ai_drafts.case_files import CaseUnreadable, DraftCase, all_cases
from tests.ai_drafts.judging import complaints
from tests.ai_drafts.settings import suite_settings


def _cases() -> list[DraftCase | CaseUnreadable]:
    """All cases; a file that cannot be understood is a case that fails with one line, not a page of Python."""
    try:
        return [*all_cases()]
    except CaseUnreadable as error:
        return [error]


@pytest.mark.parametrize("case", _cases(), ids=lambda case: getattr(case, "title", "unreadable"))
def test_case_holds(case: DraftCase | CaseUnreadable) -> None:
    found = [str(case)] if isinstance(case, CaseUnreadable) else complaints(case, suite_settings())

    if found:
        pytest.fail("\n".join(found), pytrace=False)
