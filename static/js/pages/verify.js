// The page /verify.
import "../elements/file_drop.js"
