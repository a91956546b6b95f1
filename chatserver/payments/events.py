"""What payments announce, on `user:<id>`."""

from chatserver.events import UserEvent


class PaymentNotice(UserEvent, frozen=True, kw_only=True, tag="payment"):
    """What has become of a payment of the user, in words: money that went back, and time that has ended with it."""

    order_id: str
    text: str
