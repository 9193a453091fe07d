package c360;

import org.apache.flink.types.Row;

/** The owner of an identifier, and the version of the identity run that set it: the state of one identifier. */
public final class Owner {

    /** An identity change about an identifier, as a SQL type. */
    static final String WORD = "ROW<`key` STRING, op STRING, person_id STRING, version BIGINT>";

    /** The highest version so far; null before the first change. */
    public Long version;

    /** The person; null if the identifier has no owner. */
    public String person;

    /**
     * Applies an identity change: the one of the latest run wins, in any order of arrival.
     *
     * @param word `op`, `person_id` and `version`
     * @return whether the identifier has another owner now
     */
    boolean changedBy(Row word) {
        Long told = word.getFieldAs("version");
        if (version != null && told < version) {
            return false;
        }
        String before = person;
        version = told;
        person = "upsert".equals(word.getFieldAs("op")) ? word.getFieldAs("person_id") : null;
        return before == null ? person != null : !before.equals(person);
    }
}
