"""Activities: calls, meetings, tasks, notes, e-mails and visits, done and to be done.

::

    activity.py     what an activity is, what can happen to it, and how it moves
    about.py        what it is about, and whom it reminds
    timing.py       reminders, and the next occurrence of recurring ones
    turn.py         leads, deals and customers in the order of somebody's next activity
    follow_ups.py   what is to be done after a deal was won
    ical.py         calendars in and out
    planning.py     the verbs of what is planned and what is done
    waiting.py      the verbs that say what is to be done
    desk.py         crm.pipeline.activities: these verbs, calendars, and who calls
"""

from crmkit.pipeline.activities.activity import ACTIVITY, Activity, ActivityDone, ActivityReminded, ActivityScheduled
from crmkit.pipeline.activities.desk import Activities

__all__ = ["ACTIVITY", "Activities", "Activity", "ActivityDone", "ActivityReminded", "ActivityScheduled"]
