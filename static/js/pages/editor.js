// What changes a picture in the lightbox: loaded when it is first asked for (sources.js).
import "../elements/compare_pictures.js"
import "../elements/picture_editor.js"
