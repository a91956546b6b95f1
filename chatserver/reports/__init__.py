"""Reports of pictures and messages, and what operators decide on them."""
