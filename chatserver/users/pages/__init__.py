"""The pages of an account: the first picture, joining, a code, signing up and in, a new password, settings."""

from chatserver.users.pages import invite, redeem, settings, sign_in, start

PAGES = [*start.PAGES, *invite.PAGES, *redeem.PAGES, *sign_in.PAGES, *settings.PAGES]
