"""Campaigns: market activities with a budget, costs and results.

::

    campaign.py   what a campaign is, what it costs, what can happen to it, and how it moves
    results.py    what it has brought
    desk.py       crm.marketing.campaigns
"""

from crmkit.marketing.campaigns.campaign import CAMPAIGN, Campaign, Expense
from crmkit.marketing.campaigns.desk import Campaigns, campaign_of
from crmkit.marketing.campaigns.results import CampaignResults

__all__ = ["CAMPAIGN", "Campaign", "CampaignResults", "Campaigns", "Expense", "campaign_of"]
