"""What providers charge, what each of their calls costs, and what is left of what people pay."""

from chatserver.costs.calculation import CostSum, cost_of, worst_case
from chatserver.costs.models import BilledCall, Cost, ModelUse, Rates
from chatserver.costs.service import cost_now, import_prices, list_prices, price_at, rates_now, set_price, set_rate

__all__ = [
    "BilledCall",
    "Cost",
    "CostSum",
    "ModelUse",
    "Rates",
    "cost_now",
    "cost_of",
    "import_prices",
    "list_prices",
    "price_at",
    "rates_now",
    "set_price",
    "set_rate",
    "worst_case",
]
