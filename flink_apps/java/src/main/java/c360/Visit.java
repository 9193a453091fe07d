package c360;

import org.apache.flink.table.annotation.DataTypeHint;
import org.apache.flink.table.data.GenericRowData;
import org.apache.flink.table.data.RowData;
import org.apache.flink.table.functions.AggregateFunction;

/**
 * Assigns a visitor's events to visits, in the order in which they come. A visit ends after a gap without events, which
 * counts from the latest time so far: a late event belongs to the visit that is open when it comes.
 *
 * <p>It answers when the visit of the last event started, and whether that event started it. In SQL the same takes three
 * windows, one behind the other, each with state and an exchange of its own.
 */
@DataTypeHint(value = "ROW<started_ms BIGINT, is_first BOOLEAN>", bridgedTo = RowData.class)
public final class Visit extends AggregateFunction<RowData, Visit.Open> {

    private static final long serialVersionUID = 1L;

    /** The open visit of a visitor. */
    public static final class Open {
        public Long started_ms;
        public Long latest_ms;
        public Boolean is_first;
    }

    @Override
    public Open createAccumulator() {
        return new Open();
    }

    /** Adds an event of the visitor to the open visit, or starts another. */
    public void accumulate(Open visit, Long occurred_ms, Long gap_ms) {
        visit.is_first = visit.latest_ms == null || occurred_ms - visit.latest_ms > gap_ms;
        if (visit.is_first) {
            visit.started_ms = occurred_ms;
        }
        if (visit.latest_ms == null || occurred_ms > visit.latest_ms) {
            visit.latest_ms = occurred_ms;
        }
    }

    @Override
    public RowData getValue(Open visit) {
        return GenericRowData.of(visit.started_ms, visit.is_first);
    }
}
