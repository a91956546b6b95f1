// The gallery.
import "./common.js"
import "../elements/toast_notice.js"
import "../elements/gallery_picture.js"
import "../elements/gallery_view.js"
import "../lightbox.js"
