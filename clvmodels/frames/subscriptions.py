"""From a table of subscriptions to histories of renewals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import narwhals as nw

from clvmodels.errors import DataError, first_few
from clvmodels.frames.calendar import MDAY, MONTH, day_number, with_fields, with_month
from clvmodels.frames.columns import AMOUNT, CUSTOMER, DAY, SUMMARY, refuse_collision, require_column
from clvmodels.frames.customer_summary import CustomerSummary
from clvmodels.frames.dates import UNREADABLE, with_days
from clvmodels.frames.periods import MONTHS
from clvmodels.frames.sources import Source, as_narwhals, open_source
from clvmodels.units import TimeUnit, check_unit, parse_date

__all__ = ["subscription_summary"]
