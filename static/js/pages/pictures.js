// The lightbox and the menus of pictures: loaded when the first of them is opened (lightbox.js). They keep no state of
// the page's; what they do, the cards do.
import "../elements/picture_menu.js"
import "../elements/picture_viewer.js"
