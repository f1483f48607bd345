"""Marketing: campaigns and what they bring, and messages to customers who agreed to them."""

from crmkit.kernel.room import Room
from crmkit.marketing import offers, policy, responses, sends, templates
from crmkit.marketing.campaigns import CAMPAIGN, campaign
from crmkit.marketing.desk import Marketing, section
from crmkit.marketing.offers import EXPIRE, OFFER, expire_due

ROOM = Room(
    name="marketing",
    modules=(campaign, templates, policy, sends, responses, offers),
    machines={"campaign": CAMPAIGN, "offer": OFFER},
    handlers={EXPIRE: expire_due},
    section=section,
)

__all__ = ["ROOM", "Marketing"]
