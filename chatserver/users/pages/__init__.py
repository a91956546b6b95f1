"""The pages of an account: joining, signing up and in, a new password, settings."""

from chatserver.users.pages import invite, settings, sign_in

PAGES = [*invite.PAGES, *sign_in.PAGES, *settings.PAGES]
