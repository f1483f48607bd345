"""The forecast: what a period will bring, by person and category, by judgement and by history."""

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
