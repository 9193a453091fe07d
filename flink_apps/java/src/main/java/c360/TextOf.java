package c360;

import org.apache.flink.table.annotation.DataTypeHint;
import org.apache.flink.table.data.StringData;
import org.apache.flink.table.functions.ScalarFunction;

/**
 * Reads one text of a packed answer of the Python function, see `flink_apps/clean/packed.py`.
 *
 * <p>The answer crosses from Python as one array of bytes, and stays one through every exchange: a row of twenty columns
 * would be converted column by column at each border. A text is a slice of the array; nothing is copied or decoded.
 */
public final class TextOf extends ScalarFunction {

    private static final long serialVersionUID = 1L;

    /** Returns the text at this place, counted from 0; null where there is none. */
    @DataTypeHint(value = "STRING", bridgedTo = StringData.class)
    public StringData eval(byte[] packed, int place) {
        if (packed == null) {
            return null;
        }
        int end = offset(packed, place + 1);
        if (end < 0) {
            return null;
        }
        int before = offset(packed, place);
        int start = before < 0 ? ~before : before;
        return StringData.fromBytes(packed, start, end - start);
    }

    private static int offset(byte[] packed, int place) {
        int at = 4 * place;
        return packed[at] << 24
                | (packed[at + 1] & 0xff) << 16
                | (packed[at + 2] & 0xff) << 8
                | packed[at + 3] & 0xff;
    }
}
