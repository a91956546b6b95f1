// Albums and share links: their pages, and the dialogs, that of reports too, which other pages load when one is first
// asked for.
import "../elements/album_dialog.js"
import "../elements/album_editor.js"
import "../elements/album_list.js"
import "../elements/copy_button.js"
import "../elements/new_album.js"
import "../elements/report_dialog.js"
import "../elements/share_dialog.js"
import "../elements/share_row.js"
import "../elements/share_session.js"
import "../elements/sharing_dialogs.js"
