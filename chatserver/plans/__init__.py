"""Plans: what sessions cost and include."""

from chatserver.plans.models import Plan, Price
from chatserver.plans.service import find, list_all, list_plans, save

__all__ = ["Plan", "Price", "find", "list_all", "list_plans", "save"]
