package c360;

import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.concurrent.atomic.AtomicLong;

import org.apache.flink.table.functions.ScalarFunction;

/**
 * A hybrid logical clock: the time in microseconds, and always more than it said before.
 *
 * <p>It numbers what leaves a keyed operator. All rows of one key leave one subtask, so their numbers grow; and since
 * it is the time, they grow over a restart too. A counter in Flink's state would not: restored from a checkpoint it
 * would begin again where it was then, and the writer would refuse what is right as older than what it has.
 */
public final class NextSequence extends ScalarFunction {

    private static final AtomicLong LAST = new AtomicLong();

    /** Returns the next number of this JVM. */
    public long eval() {
        long now = ChronoUnit.MICROS.between(Instant.EPOCH, Instant.now());
        return LAST.updateAndGet(last -> Math.max(last + 1, now));
    }

    /** Keeps the planner from calling it once and using the answer as a constant. */
    @Override
    public boolean isDeterministic() {
        return false;
    }
}
