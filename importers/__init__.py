"""Moving in from five other systems: Archi, EchoMind, AI Chat v2, Arasul and the knowledge core (docs/moving-in.md);
and of an account of Alcove itself from its export (docs/export.md).

One module a system, its SQL beside it, on one engine. The engine reads the source without changing it, writes as the
owner of the schema, and keeps what became of each row in `moved_rows`.
"""
