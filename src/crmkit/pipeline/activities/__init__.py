"""Activities: calls, meetings, tasks, notes, e-mails and visits, done and to be done."""

from crmkit.pipeline.activities.activity import ACTIVITY, Activity, ActivityDone, ActivityReminded, ActivityScheduled
from crmkit.pipeline.activities.desk import Activities

__all__ = ["ACTIVITY", "Activities", "Activity", "ActivityDone", "ActivityReminded", "ActivityScheduled"]
