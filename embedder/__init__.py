"""The GPU task: embeds what is too much for a function. A container of its own; see docs/embedder.md."""
