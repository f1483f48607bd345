"""Marketing: campaigns and what they bring, templates, and messages to customers who agreed to them."""

from crmkit.kernel.room import Room
from crmkit.marketing import campaigns, sends, templates
from crmkit.marketing.campaigns import CAMPAIGN
from crmkit.marketing.desk import Marketing

ROOM = Room(name="marketing", modules=(campaigns, templates, sends), machines={"campaign": CAMPAIGN})

__all__ = ["ROOM", "Marketing"]
