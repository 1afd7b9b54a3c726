"""Servers that speak the protocols of connectors' sources: real ones where packages have them, or by the reference."""
