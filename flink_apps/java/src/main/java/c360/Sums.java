package c360;

import java.math.BigDecimal;
import java.time.Instant;
import java.util.Arrays;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.BinaryOperator;

import org.apache.flink.table.annotation.DataTypeHint;
import org.apache.flink.types.Row;

/**
 * Additive values: numbers that are summed, times and texts of which the first or the last counts, and texts by name
 * of which the last counts. The SQL defines the meaning of each place; a null adds nothing.
 */
public final class Sums {

    /** The columns, as SQL types. */
    static final String COLUMNS =
            "counts ARRAY<BIGINT>, amounts ARRAY<DECIMAL(38, 2)>, earliest ARRAY<TIMESTAMP_LTZ(3)>,"
                    + " latest ARRAY<TIMESTAMP_LTZ(3)>, lowest ARRAY<STRING>, highest ARRAY<STRING>,"
                    + " highest_by_name MAP<STRING, STRING>";

    @DataTypeHint("ARRAY<BIGINT>")
    public Long[] counts;

    @DataTypeHint("ARRAY<DECIMAL(38, 2)>")
    public BigDecimal[] amounts;

    @DataTypeHint("ARRAY<TIMESTAMP_LTZ(3)>")
    public Instant[] earliest;

    @DataTypeHint("ARRAY<TIMESTAMP_LTZ(3)>")
    public Instant[] latest;

    @DataTypeHint("ARRAY<STRING>")
    public String[] lowest;

    @DataTypeHint("ARRAY<STRING>")
    public String[] highest;

    @DataTypeHint("MAP<STRING, STRING>")
    public Map<String, String> highest_by_name;

    /** Returns the sums in the columns of a row. */
    static Sums of(Row row) {
        Sums sums = new Sums();
        sums.counts = row.getFieldAs("counts");
        sums.amounts = row.getFieldAs("amounts");
        sums.earliest = row.getFieldAs("earliest");
        sums.latest = row.getFieldAs("latest");
        sums.lowest = row.getFieldAs("lowest");
        sums.highest = row.getFieldAs("highest");
        sums.highest_by_name = row.getFieldAs("highest_by_name");
        return sums;
    }

    /** Returns the sums in the order of the columns. */
    Row row() {
        return Row.of(counts, amounts, earliest, latest, lowest, highest, highest_by_name);
    }

    /** Returns whether nothing has been added yet. */
    boolean isEmpty() {
        return counts == null;
    }

    /** Adds other sums, place by place. */
    void add(Sums more) {
        counts = merged(counts, more.counts, Long::sum);
        amounts = merged(amounts, more.amounts, BigDecimal::add);
        earliest = merged(earliest, more.earliest, Sums::lower);
        latest = merged(latest, more.latest, Sums::higher);
        lowest = merged(lowest, more.lowest, Sums::lower);
        highest = merged(highest, more.highest, Sums::higher);
        highest_by_name = merged(highest_by_name, more.highest_by_name);
    }

    private static Map<String, String> merged(Map<String, String> here, Map<String, String> more) {
        if (here == null || more == null) {
            return here == null ? more : here;
        }
        Map<String, String> result = new TreeMap<>(here);
        more.forEach((name, text) -> result.merge(name, text, Sums::higher));
        return result;
    }

    private static <T> T[] merged(T[] here, T[] more, BinaryOperator<T> step) {
        if (here == null) {
            return more.clone();
        }
        // State from before the contract had a column lacks the place of that column, which is the last one.
        T[] result = Arrays.copyOf(here, Math.max(here.length, more.length));
        for (int place = 0; place < more.length; place++) {
            if (more[place] != null) {
                result[place] = result[place] == null ? more[place] : step.apply(result[place], more[place]);
            }
        }
        return result;
    }

    private static <T extends Comparable<T>> T lower(T one, T other) {
        return one.compareTo(other) <= 0 ? one : other;
    }

    private static <T extends Comparable<T>> T higher(T one, T other) {
        return one.compareTo(other) >= 0 ? one : other;
    }
}
