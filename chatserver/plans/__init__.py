"""Plans: what sessions cost and include."""

from chatserver.plans.models import Offer, Plan, Price
from chatserver.plans.service import default_of, find, list_all, list_plans, misnamed, misnamed_in, offers, save

__all__ = [
    "Offer",
    "Plan",
    "Price",
    "default_of",
    "find",
    "list_all",
    "list_plans",
    "misnamed",
    "misnamed_in",
    "offers",
    "save",
]
