// The script of every page except the chat page.
import "../helpers/browser_data.js"
import "../elements/copy_button.js"
import "../elements/deletable_item.js"
import "../elements/limited_text.js"
import "../elements/live_history.js"
import "../elements/local_time.js"
import "../elements/name_suggestion.js"
import "../elements/notification_switch.js"
import "../elements/password_field.js"
import "../elements/prompt_wall.js"
import "../elements/session_deletion.js"
import "../elements/session_title.js"
import "../elements/theme_switch.js"
import "../elements/typed_sample.js"
import "../elements/unsent_draft.js"
import "../elements/waiting_prompt.js"
import { finishDeletions } from "../helpers/deletions.js"
import { refreshKeptLists } from "../helpers/kept_lists.js"
import { installServiceWorker } from "../helpers/service_worker.js"
import { keepPresses } from "../helpers/steady_presses.js"
import { guardSubmits } from "../helpers/submit_guard.js"
import { keepForms } from "../helpers/unsent_forms.js"
import { guardViewer } from "../helpers/viewer_guard.js"
import { adoptPrompt } from "../helpers/waiting_prompt.js"

adoptPrompt()
guardSubmits()
keepForms()
guardViewer()
keepPresses()
finishDeletions()
refreshKeptLists()
installServiceWorker()
