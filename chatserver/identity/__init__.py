"""The viewer of a request, client addresses as limits count them, and a user's colour."""
