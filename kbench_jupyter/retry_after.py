"""How long a server that has too much to do wants to be left alone: ``Retry-After`` (RFC 9110, 10.2.3)."""

from __future__ import annotations

import re
import time
from datetime import UTC
from email.utils import parsedate_to_datetime


def retry_after(value: str | None, date: str | None = None) -> float | None:
    """Return the seconds a Retry-After field asks for: a number, or an HTTP date; None when it is neither.

    A date is one of the server's clock, so it counts from the answer's own `date` where there is one.
    """
    text = (value or "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text):
        return float(text)
    moment = _moment(text)
    return None if moment is None else max(0.0, moment - (_moment(date) or time.time()))


def _moment(text: str | None) -> float | None:
    """Return an HTTP date as seconds of the epoch; None where it is none."""
    try:
        moment = parsedate_to_datetime(text or "")
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
