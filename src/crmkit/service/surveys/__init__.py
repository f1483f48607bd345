"""Surveys: how satisfied customers are, by a scale and a formula that stand in the survey itself.

::

    definition.py   what a survey is
    questions.py    further questions, and which answers fit them
    defining.py     surveys of one's own, and ready-made ones
    planning.py     have it sent after resolutions, after wins, in rounds
    asking.py       when a survey is sent, to whom and by which ways
    sending.py      what the agenda does when one is due
    invitations.py  who was asked, and whether he has answered
    links.py        single-use, signed links
    answers.py      what customers answered
    results.py      what the answers come to
    reach.py        how many of those who were asked have answered
    desk.py         crm.service.surveys
"""

from crmkit.service.surveys.answers import SurveyAnswer, SurveyAnswered, satisfaction_of
from crmkit.service.surveys.definition import Survey
from crmkit.service.surveys.desk import Surveys
from crmkit.service.surveys.results import Satisfaction, SurveyResults, satisfaction

__all__ = [
    "Satisfaction",
    "Survey",
    "SurveyAnswer",
    "SurveyAnswered",
    "SurveyResults",
    "Surveys",
    "satisfaction",
    "satisfaction_of",
]
