"""Words: frozen values, units, the site, quantities, Event and Command.

No behaviour beyond their own checks; nothing here knows a clock, a device or a file.
"""
