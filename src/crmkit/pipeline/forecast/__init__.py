"""The forecast: what a period will bring, by person and category, by judgement and by history.

::

    columns.py      the numbers of a forecast, and how they add up
    book.py         what the deals of a period are worth, now or on a past day
    adjustments.py  what managers say instead, and forecasts as they were handed in
    period.py       the verbs of one period
    passages.py, experience.py, conversions.py, arrivals.py, outlook.py
                    what is learned from the history of all deals
    foresight.py    the verbs of it
    trials.py       how right it was
    hindsight.py    the verbs of it
    desk.py         crm.pipeline.forecast
"""

from crmkit.pipeline.forecast.adjustments import ForecastAdjusted, ForecastAdjustment, ForecastSnapshot
from crmkit.pipeline.forecast.columns import Columns, Forecast, ForecastRow
from crmkit.pipeline.forecast.conversions import Conversions, StageConversion
from crmkit.pipeline.forecast.desk import Forecasts
from crmkit.pipeline.forecast.outlook import Outlook
from crmkit.pipeline.forecast.trials import Accuracy, Backtest, Trial

__all__ = [
    "Accuracy",
    "Backtest",
    "Columns",
    "Conversions",
    "Forecast",
    "ForecastAdjusted",
    "ForecastAdjustment",
    "ForecastRow",
    "ForecastSnapshot",
    "Forecasts",
    "Outlook",
    "StageConversion",
    "Trial",
]
