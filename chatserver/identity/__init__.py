"""Who is asking and from where: the signed-in viewer, addresses as limits count them, and a person's colour."""
