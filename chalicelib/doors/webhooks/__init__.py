"""Webhooks: other programs are told of events, by signed requests (https://www.standardwebhooks.com)."""
