"""What people and programs come in by: the routes of the API and of the pages, and the commands of the websocket."""

from chatserver.admin import pages as admin_pages
from chatserver.albums import pages as album_pages
from chatserver.albums import routes as album_routes
from chatserver.api import documents
from chatserver.assets import commands as asset_commands
from chatserver.assets import pages as asset_pages
from chatserver.assets import routes as asset_routes
from chatserver.codes import routes as code_routes
from chatserver.gallery import pages as gallery_pages
from chatserver.gallery import routes as gallery_routes
from chatserver.generations import commands as generation_commands
from chatserver.generations import pages as generation_pages
from chatserver.generations import routes as generation_routes
from chatserver.mail import pages as mail_pages
from chatserver.messages import commands as message_commands
from chatserver.messages import pages as message_pages
from chatserver.messages import routes as message_routes
from chatserver.monitoring import health
from chatserver.monitoring import pages as monitoring_pages
from chatserver.openai_api import routes as openai_routes
from chatserver.payments import pages as payment_pages
from chatserver.plans import routes as plan_routes
from chatserver.reports import routes as report_routes
from chatserver.sessions import commands as session_commands
from chatserver.sessions import pages as session_pages
from chatserver.sessions import routes as session_routes
from chatserver.sharing import pages as sharing_pages
from chatserver.sharing import routes as sharing_routes
from chatserver.styles import pages as style_pages
from chatserver.uploads import pages as upload_pages
from chatserver.uploads import routes as upload_routes
from chatserver.users import pages as user_pages
from chatserver.users import routes as user_routes
from chatserver.verification import pages as verification_pages
from chatserver.verification import routes as verification_routes
from chatserver.web import app_shell

API = [
    *user_routes.ROUTES,
    *plan_routes.ROUTES,
    *session_routes.ROUTES,
    *code_routes.ROUTES,
    *message_routes.ROUTES,
    *generation_routes.ROUTES,
    *openai_routes.ROUTES,
    *asset_routes.ROUTES,
    *gallery_routes.ROUTES,
    *album_routes.ROUTES,
    *upload_routes.ROUTES,
    *sharing_routes.ROUTES,
    *report_routes.ROUTES,
    *verification_routes.ROUTES,
]
PAGES = [
    *health.ROUTES,
    *monitoring_pages.ROUTES,
    *app_shell.PAGES,
    *documents.ROUTES,
    *user_pages.PAGES,
    *mail_pages.PAGES,
    *session_pages.PAGES,
    *payment_pages.PAGES,
    *message_pages.PAGES,
    *generation_pages.PAGES,
    *asset_pages.ROUTES,
    *style_pages.ROUTES,
    *album_pages.PAGES,
    *sharing_pages.PAGES,
    *gallery_pages.PAGES,
    *upload_pages.PAGES,
    *verification_pages.PAGES,
    *admin_pages.PAGES,
]
COMMANDS = [
    *message_commands.COMMANDS,
    *generation_commands.COMMANDS,
    *asset_commands.COMMANDS,
    *session_commands.COMMANDS,
]
