// The page that compares two pictures.
import "./common.js"
import "../elements/compare_pictures.js"
