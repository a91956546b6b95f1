"""Codes, each good for one session, and trial sessions."""

from chatserver.codes.service import CHECKOUT, batches, make, of_batch, redeem, require_taken, revoke

__all__ = ["CHECKOUT", "batches", "make", "of_batch", "redeem", "require_taken", "revoke"]
