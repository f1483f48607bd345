"""Every reaction that crosses two rooms, in one table: what happens, and what follows in the same transaction."""

from __future__ import annotations

from collections.abc import Mapping

from crmkit.customers.consents import ConsentGranted, ConsentRevoked
from crmkit.customers.people import CustomerRegistered
from crmkit.customers.segments import SegmentEntered, SegmentLeft
from crmkit.kernel.events import Event
from crmkit.kernel.house import Reaction
from crmkit.lifecycle.journeys.definition import JourneyDefined
from crmkit.lifecycle.journeys.runs import JourneySendDue
from crmkit.lifecycle.journeys.walking import event_happened as journeys_begin
from crmkit.lifecycle.stages import CustomerLapsed, CustomerWonBack, StageAdvanced
from crmkit.marketing.sends import check_templates, send_for_journey

REACTIONS: Mapping[type[Event], tuple[Reaction, ...]] = {
    # Marketing writes the messages that journeys want to send.
    JourneyDefined: (check_templates,),
    JourneySendDue: (send_for_journey,),
    # On these events journeys can begin, and the runs that wait for them wake up.
    CustomerRegistered: (journeys_begin,),
    ConsentGranted: (journeys_begin,),
    ConsentRevoked: (journeys_begin,),
    SegmentEntered: (journeys_begin,),
    SegmentLeft: (journeys_begin,),
    StageAdvanced: (journeys_begin,),
    CustomerLapsed: (journeys_begin,),
    CustomerWonBack: (journeys_begin,),
}
