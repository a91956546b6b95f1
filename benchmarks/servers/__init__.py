"""Servers that are measured beside each other. Each takes two listening sockets by number: clients' and control.

A client asks for `/ws/sessions/<id>`; the last twelve digits of the id are its room. Control sends triggers of 16 bytes
(`<QQ`: room, nanoseconds), and for each the server sends one event of 200 bytes, with those nanoseconds in it, to
everybody in the room. The highest bit of the room asks for a durable event, where the server knows the difference.
"""
