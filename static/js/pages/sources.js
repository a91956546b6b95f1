// What brings pictures into the composer: loaded when the first of them is asked for (sources.js).
import "../elements/source_chooser.js"
