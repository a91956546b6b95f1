"""What a person may ask for about all of their data: a copy of it, and its erasure. Above the features that hold it."""
