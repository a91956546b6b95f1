// The operator's pages.
import "../elements/plan_editor.js"
