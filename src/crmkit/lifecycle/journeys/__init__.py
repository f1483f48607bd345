"""Journeys: one step after the other, begun by what happens with a customer."""

from crmkit.lifecycle.journeys.definition import JOURNEY, Journey
from crmkit.lifecycle.journeys.desk import Journeys
from crmkit.lifecycle.journeys.runs import JOURNEY_RUN, JourneyRun

__all__ = ["JOURNEY", "JOURNEY_RUN", "Journey", "JourneyRun", "Journeys"]
