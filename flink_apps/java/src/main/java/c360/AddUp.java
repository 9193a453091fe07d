package c360;

import java.math.BigDecimal;
import java.time.Instant;

import org.apache.flink.table.annotation.DataTypeHint;
import org.apache.flink.table.api.dataview.MapView;
import org.apache.flink.table.functions.AggregateFunction;
import org.apache.flink.types.Row;

/**
 * Adds up the sums of all identifiers of a person: the last row of an identifier counts, and one without sums takes the
 * identifier away. Null for a person without identifiers.
 *
 * <p>Flink's own SUM and MAX would have to be told the old sums before the new ones. Whoever looks in between sees a
 * person with fewer orders than ever before.
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

    /** Takes in the sums of an identifier; without a key nothing is said, and without sums it is gone. */
    public void accumulate(
            Identifiers identifiers,
            String key,
            @DataTypeHint("ARRAY<BIGINT>") Long[] counts,
            @DataTypeHint("ARRAY<DECIMAL(38, 2)>") BigDecimal[] amounts,
            @DataTypeHint("ARRAY<TIMESTAMP_LTZ(3)>") Instant[] earliest,
            @DataTypeHint("ARRAY<TIMESTAMP_LTZ(3)>") Instant[] latest,
            @DataTypeHint("ARRAY<STRING>") String[] lowest,
            @DataTypeHint("ARRAY<STRING>") String[] highest)
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
