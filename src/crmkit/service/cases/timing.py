"""Timing: what the clocks of a case show and why, what they would show under another policy, and closing the silent."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from crmkit.errors import InvalidInput
from crmkit.kernel.clock import utc
from crmkit.kernel.collection import Collection
from crmkit.service.cases.case import Case
from crmkit.service.cases.history import history
from crmkit.service.cases.keeping import judged_by, settle
from crmkit.service.cases.moving import closed
from crmkit.service.kinds import kind_of
from crmkit.service.policies.policy import Policy, policy_of
from crmkit.service.policies.terms import Terms
from crmkit.service.sla.readings import Judgement

if TYPE_CHECKING:
    from crmkit.kernel.agenda import AgendaItem
    from crmkit.kernel.work import Work


class Timing(Collection[Case]):
    """What ``crm.service.cases`` says about time."""

    cls = Case

    def clocks(
        self, case: Case | str, *, policy: Policy | Terms | str | None = None, as_of: datetime | None = None
    ) -> Judgement:
        """Read every clock of a case from its whole history; nothing is stored.

        Args:
            case: which one.
            policy: by which policy; the version that the case keeps unless given.  Terms that are not stored will do.
            as_of: the moment from which it is seen; now unless given.

        Raises:
            InvalidInput: the case has no policy and none is given.

        Example:
            >>> from datetime import timedelta
            >>> from crmkit import CRM, BusinessCalendar
            >>> with CRM.open() as crm:
            ...     _ = crm.service.policies.define(
            ...         "fast", calendar=BusinessCalendar.always_open(), first_response=timedelta(hours=1)
            ...     )
            ...     wang = crm.customers.register(name="Xiao Wang")
            ...     case = crm.service.cases.open(wang, subject="Where is my album?")
            ...     crm.service.cases.clocks(case, policy="fast").clock("first_response").state
            'running'
        """
        with self.read() as work:
            current = work.get(Case, case)
            wanted = current.policy_version_id if policy is None else policy
            if wanted is None:
                raise InvalidInput(f"case {current.id} has no policy: say by which one it is to be seen")
            terms = wanted if isinstance(wanted, Terms) else policy_of(work, wanted).read()
            at = work.now if as_of is None else utc(as_of, what="as_of")
            return judged_by(terms, history(work, current.id), as_of=at)


def close_silent(work: Work, item: AgendaItem) -> None:
    """Close a case in which nobody has said a word for as long as its policy allows."""
    case = work.get(Case, item.subject)
    if case.policy_version_id is None:
        return
    limit = work.get(Policy, case.policy_version_id).read().close_after
    if limit is None or case.silent_since is None or case.silent_since + limit > work.now:
        return
    if "close" not in kind_of(work, case.kind).machine.offers(case.stage):
        return
    settle(work, closed(work, case, reason="nobody said anything more"))
