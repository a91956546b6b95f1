"""The socket edge: how bytes of HTTP and of websockets are read and bounded before any handler runs."""
