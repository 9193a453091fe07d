package c360;

import static org.apache.flink.table.annotation.ArgumentTrait.SET_SEMANTIC_TABLE;

import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;

import org.apache.flink.table.annotation.ArgumentHint;
import org.apache.flink.table.annotation.DataTypeHint;
import org.apache.flink.table.annotation.StateHint;
import org.apache.flink.table.api.dataview.MapView;
import org.apache.flink.table.catalog.DataTypeFactory;
import org.apache.flink.table.functions.ProcessTableFunction;
import org.apache.flink.table.types.DataType;
import org.apache.flink.table.types.inference.CallContext;
import org.apache.flink.table.types.inference.StateTypeStrategy;
import org.apache.flink.table.types.inference.TypeInference;
import org.apache.flink.types.Row;

/**
 * Assigns recent interactions to the owner of their identifier, and moves them when the identifier gets another owner.
 *
 * <p>It keeps an interaction for `keep_seconds` after its arrival. Older ones are not moved.
 */
@DataTypeHint("ROW<op STRING, person_id STRING, " + TimelineOfPerson.COLUMNS + ">")
public final class TimelineOfPerson extends ProcessTableFunction<Row> {

    private static final long serialVersionUID = 1L;
    static final String COLUMNS =
            "source STRING, event_id STRING, event_type STRING, occurred_at TIMESTAMP_LTZ(3), amount DECIMAL(14, 2),"
                    + " currency STRING, session_id STRING";
    private static final String ENTRIES = "entries";
    private static final int KEEP_SECONDS = 2; // position of the argument

    /** Processes an interaction of the identifier, or a change of its owner; one of the two is null. */
    public void eval(
            @StateHint Owner owner,
            @StateHint(name = ENTRIES, type = @DataTypeHint("MAP<STRING, ROW<" + COLUMNS + ">>"))
                    MapView<String, Row> entries,
            @ArgumentHint(
                            value = SET_SEMANTIC_TABLE,
                            type = @DataTypeHint("ROW<customer_key STRING, " + COLUMNS + ">"))
                    Row done,
            @ArgumentHint(
                            value = SET_SEMANTIC_TABLE,
                            type = @DataTypeHint(Owner.WORD))
                    Row word,
            @ArgumentHint(name = "keep_seconds") Long keepSeconds)
            throws Exception {
        if (done != null) {
            Row entry = Row.project(done, new int[] {1, 2, 3, 4, 5, 6, 7});
            entries.put(entry.getField(0) + ":" + entry.getField(1), entry);
            tell("upsert", owner.person, entry);
            return;
        }
        String before = owner.person;
        if (owner.changedBy(word)) {
            for (Row entry : entries.values()) {
                tell("delete", before, entry);
                tell("upsert", owner.person, entry);
            }
        }
    }

    /** Sets the time to live of the entries; a hint in the code could only be a constant. */
    @Override
    public TypeInference getTypeInference(DataTypeFactory factory) {
        TypeInference hinted = super.getTypeInference(factory);
        LinkedHashMap<String, StateTypeStrategy> states = new LinkedHashMap<>();
        for (Map.Entry<String, StateTypeStrategy> state : hinted.getStateTypeStrategies().entrySet()) {
            states.put(
                    state.getKey(), state.getKey().equals(ENTRIES) ? new Expiring(state.getValue()) : state.getValue());
        }
        return TypeInference.newBuilder()
                .staticArguments(hinted.getStaticArguments().orElseThrow())
                .stateTypeStrategies(states)
                .outputTypeStrategy(hinted.getOutputTypeStrategy())
                .build();
    }

    private void tell(String op, String person, Row entry) {
        collect(Row.join(Row.of(op, person), entry));
    }

    private static final class Expiring implements StateTypeStrategy {

        private final StateTypeStrategy strategy;

        Expiring(StateTypeStrategy strategy) {
            this.strategy = strategy;
        }

        @Override
        public Optional<DataType> inferType(CallContext call) {
            return strategy.inferType(call);
        }

        @Override
        public Optional<Duration> getTimeToLive(CallContext call) {
            return call.getArgumentValue(KEEP_SECONDS, Long.class).map(Duration::ofSeconds);
        }
    }
}
