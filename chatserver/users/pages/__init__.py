"""The pages of an account: signing up and in, a new password, settings."""

from chatserver.users.pages import settings, sign_in

PAGES = [*sign_in.PAGES, *settings.PAGES]
