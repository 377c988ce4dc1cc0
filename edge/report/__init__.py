"""Offline: the store in, tables out."""
