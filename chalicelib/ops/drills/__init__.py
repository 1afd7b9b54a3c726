"""Drills: a backup is restored into a scratch place and compared with what was backed up (O8, docs/backups.md)."""
