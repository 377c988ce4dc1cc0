"""Stand-ins for the world that can be broken on purpose.  They share no code with the product."""
