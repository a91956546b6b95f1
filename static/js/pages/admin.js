// The operator's pages.
import "../elements/live_page.js"
import "../elements/plan_editor.js"
