"""depot-edge: the edge controller for fleet charging depots.  Start with edge/README.md."""
