"""The pages of an account: the first picture, joining, signing up and in, a new password, settings."""

from chatserver.users.pages import invite, settings, sign_in, start

PAGES = [*start.PAGES, *invite.PAGES, *sign_in.PAGES, *settings.PAGES]
