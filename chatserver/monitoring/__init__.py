"""Monitoring: what the operator watches."""
