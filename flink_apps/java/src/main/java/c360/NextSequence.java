package c360;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.concurrent.atomic.AtomicLong;

import org.apache.flink.table.functions.ScalarFunction;

/**
 * A hybrid logical clock: the time in microseconds, and always greater than the number before.
 *
 * <p>It numbers the output of a keyed operator. All rows of a key leave one subtask, so their numbers increase; and as
 * they follow the time, they also increase across a restart. A counter in Flink's state would not: after a restore it
 * would repeat numbers, and the writer would reject valid changes as older than the stored ones.
 */
public final class NextSequence extends ScalarFunction {

    private static final AtomicLong LAST = new AtomicLong();

    /** Returns the next number of this JVM. */
    public long eval() {
        long now = ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now());
        return LAST.updateAndGet(last -> Math.max(last + 1, now));
    }

    /** Keeps the planner from calling it once and using the result as a constant. */
    @Override
    public boolean isDeterministic() {
        return false;
    }
}
