from tests.acceptance.conftest import ada, bob, product

__all__ = ["ada", "bob", "product"]
