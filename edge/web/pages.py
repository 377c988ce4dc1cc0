"""The files of routes that are pages; app.py has those of the API."""

from edge.web import (
    page_day,
    page_devices,
    page_events,
    page_log,
    page_now,
    page_reports,
    page_routes,
    page_settings,
    page_signin,
    page_why,
    page_windows,
)

MODULES = (
    page_now,
    page_why,
    page_day,
    page_windows,
    page_events,
    page_reports,
    page_devices,
    page_log,
    page_settings,
    page_routes,
    page_signin,
)
