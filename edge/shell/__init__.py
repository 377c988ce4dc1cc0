"""The world: the only place with await, ports, sockets, files and clocks.  It decides nothing."""
