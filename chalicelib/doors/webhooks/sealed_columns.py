"""The sealed secrets of webhooks, with which their deliveries are signed."""

from chalicelib.core import sealed

WEBHOOK_SECRETS = sealed.Columns("webhooks", "id")
