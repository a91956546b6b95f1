// The operator's announcements: loaded by pages that show one, and by the chat page with the first that comes.
import "../elements/site_announcements.js"
