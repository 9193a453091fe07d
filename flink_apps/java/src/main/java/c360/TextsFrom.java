package c360;

import java.util.Map;
import java.util.TreeMap;

import org.apache.flink.table.annotation.DataTypeHint;
import org.apache.flink.table.functions.ScalarFunction;

/** Cuts the beginning off the texts of a map: the place in time that says which text is the newest. */
public final class TextsFrom extends ScalarFunction {

    private static final long serialVersionUID = 1L;

    /** Returns the texts from this place on, counted from 1 as SQL does; null for no map. */
    @DataTypeHint("MAP<STRING, STRING>")
    public Map<String, String> eval(@DataTypeHint("MAP<STRING, STRING>") Map<String, String> texts, Integer start) {
        if (texts == null) {
            return null;
        }
        Map<String, String> cut = new TreeMap<>();
        texts.forEach((name, text) -> cut.put(name, text.substring(start - 1)));
        return cut;
    }
}
