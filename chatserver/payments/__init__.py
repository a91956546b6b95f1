"""Payments: orders of sessions that are paid at a gateway, and what gateways say about them."""
