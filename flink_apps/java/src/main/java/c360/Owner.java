package c360;

import org.apache.flink.types.Row;

/** Whose an identifier is, and the version of the identity run that said so: state of one identifier. */
public final class Owner {

    /** What a word of identity resolution on an identifier says, as a SQL type. */
    static final String WORD = "ROW<`key` STRING, op STRING, person_id STRING, version BIGINT>";

    /** Highest version heard of, or null while nobody said a word. */
    public Long version;

    /** The person, or null where it is nobody's. */
    public String person;

    /**
     * Takes a word of identity resolution in: the one of the latest run counts, in whatever order they come.
     *
     * @param word `op`, `person_id` and `version`
     * @return whether the identifier is somebody else's now
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
