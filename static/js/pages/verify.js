// The page /verify.
import "./common.js"
import "../elements/file_drop.js"
