"""Register tables in, quantities out.  No port, socket or clock in here; the shell owns the wire."""
