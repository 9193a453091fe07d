package c360;

import java.math.BigDecimal;
import java.time.Instant;
import java.util.Map;

import org.apache.flink.table.annotation.DataTypeHint;
import org.apache.flink.table.api.dataview.MapView;
import org.apache.flink.table.functions.AggregateFunction;
import org.apache.flink.types.Row;

/**
 * Adds up the sums of all identifiers of a person. The last row of an identifier counts; a row without sums removes the
 * identifier. Null for a person without identifiers.
 *
 * <p>Flink's own SUM and MAX need a retraction of the old sums before the new ones, and in between the person would
 * have too few orders.
 */
@DataTypeHint("ROW<" + Sums.COLUMNS + ">")
public final class AddUp extends AggregateFunction<Row, AddUp.Identifiers> {

    private static final long serialVersionUID = 1L;

    /** Sums by identifier. */
    public static final class Identifiers {
        public MapView<String, Sums> sums = new MapView<>();
    }

    @Override
    public Identifiers createAccumulator() {
        return new Identifiers();
    }

    /** Stores the sums of an identifier; without a key it does nothing, without sums it removes the identifier. */
    public void accumulate(
            Identifiers identifiers,
            String key,
            @DataTypeHint("ARRAY<BIGINT>") Long[] counts,
            @DataTypeHint("ARRAY<DECIMAL(38, 2)>") BigDecimal[] amounts,
            @DataTypeHint("ARRAY<TIMESTAMP_LTZ(3)>") Instant[] earliest,
            @DataTypeHint("ARRAY<TIMESTAMP_LTZ(3)>") Instant[] latest,
            @DataTypeHint("ARRAY<STRING>") String[] lowest,
            @DataTypeHint("ARRAY<STRING>") String[] highest,
            @DataTypeHint("MAP<STRING, STRING>") Map<String, String> highestByName)
            throws Exception {
        if (key == null) {
            return;
        }
        if (counts == null) {
            identifiers.sums.remove(key);
            return;
        }
        Sums sums = new Sums();
        sums.counts = counts;
        sums.amounts = amounts;
        sums.earliest = earliest;
        sums.latest = latest;
        sums.lowest = lowest;
        sums.highest = highest;
        sums.highest_by_name = highestByName;
        identifiers.sums.put(key, sums);
    }

    @Override
    public Row getValue(Identifiers identifiers) {
        Sums total = new Sums();
        try {
            for (Sums sums : identifiers.sums.values()) {
                total.add(sums);
            }
        } catch (Exception failure) {
            throw new IllegalStateException("the sums of a person cannot be read from the state", failure);
        }
        return total.isEmpty() ? null : total.row();
    }
}
