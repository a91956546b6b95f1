"""Whether a picture or clip was made here: the page /verify and its API. What it is told is not stored."""
