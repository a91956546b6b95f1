"""The web kit of the pages: middleware, templates, static files, forms, cookies, errors as responses."""
