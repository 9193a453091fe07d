package c360;

import static org.apache.flink.table.annotation.ArgumentTrait.SET_SEMANTIC_TABLE;

import org.apache.flink.table.annotation.ArgumentHint;
import org.apache.flink.table.annotation.DataTypeHint;
import org.apache.flink.table.annotation.StateHint;
import org.apache.flink.table.functions.ProcessTableFunction;
import org.apache.flink.types.Row;

/**
 * Adds up the interactions of an identifier, and assigns the sums to the owner of the identifier.
 *
 * <p>The state is one row per identifier, however many interactions it has. Each interaction gives a row with the new
 * sums of the identifier for its owner. When the identifier moves to another person, a row without sums removes it from
 * the old owner, and a row with sums adds it to the new one. A null in `person_id` means no owner.
 */
@DataTypeHint("ROW<person_id STRING, " + Sums.COLUMNS + ">")
public final class SumsOfPerson extends ProcessTableFunction<Row> {

    private static final long serialVersionUID = 1L;

    /** Processes an interaction of the identifier, or a change of its owner; one of the two is null. */
    public void eval(
            @StateHint Owner owner,
            @StateHint Sums sums,
            @ArgumentHint(
                            value = SET_SEMANTIC_TABLE,
                            type = @DataTypeHint("ROW<customer_key STRING, " + Sums.COLUMNS + ">"))
                    Row done,
            @ArgumentHint(
                            value = SET_SEMANTIC_TABLE,
                            type = @DataTypeHint(Owner.WORD))
                    Row word) {
        if (done != null) {
            sums.add(Sums.of(done));
            give(owner.person, sums);
            return;
        }
        String before = owner.person;
        if (owner.changedBy(word) && !sums.isEmpty()) {
            give(before, new Sums());
            give(owner.person, sums);
        }
    }

    private void give(String person, Sums sums) {
        collect(Row.join(Row.of(person), sums.row()));
    }
}
