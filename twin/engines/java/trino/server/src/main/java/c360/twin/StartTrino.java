package c360.twin;

/** Starts a Trino server of the version named by the first argument; the published jars carry no main class. */
public final class StartTrino {
    public static void main(String[] arguments) throws Exception {
        // By reflection: Trino's classes need a newer Java than the one that compiles this file.
        Class<?> server = Class.forName("io.trino.server.Server");
        Object instance = server.getDeclaredConstructor().newInstance();
        server.getMethod("start", String.class).invoke(instance, arguments[0]);
    }
}
