package c360;

import static org.apache.flink.table.annotation.ArgumentTrait.SET_SEMANTIC_TABLE;

import org.apache.flink.table.annotation.ArgumentHint;
import org.apache.flink.table.annotation.DataTypeHint;
import org.apache.flink.table.annotation.StateHint;
import org.apache.flink.table.functions.ProcessTableFunction;
import org.apache.flink.types.Row;

/**
 * Adds up what was done under an identifier, and gives the sums to the person whose identifier it is.
 *
 * <p>State is one row per identifier, however much was done under it. Each thing done gives a row with the new sums of
 * its identifier for its person. When the identifier goes from one person to another, a row without sums takes it from
 * the one, and a row with them gives it to the other. A null in `person_id` is nobody.
 */
@DataTypeHint("ROW<person_id STRING, " + Sums.COLUMNS + ">")
public final class SumsOfPerson extends ProcessTableFunction<Row> {

    private static final long serialVersionUID = 1L;

    /** Takes in what was done under the identifier, or a word on whose it is; one of the two is null. */
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
