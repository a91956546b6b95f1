// What marks a part of a picture: loaded when it is first asked for (sources.js).
import "../elements/mask_painter.js"
