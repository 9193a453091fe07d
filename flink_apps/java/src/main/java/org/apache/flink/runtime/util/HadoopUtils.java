package org.apache.flink.runtime.util;

import org.apache.flink.configuration.Configuration;

/**
 * Gives Iceberg its Hadoop configuration from this jar.
 *
 * <p>Iceberg asks Flink's own class of this name, whose class loader does not see Hadoop on Managed Flink. The build
 * relocates this class, and Iceberg's reference to it, into the fat jar. S3FileIO needs no Hadoop setting: it stays empty.
 */
public final class HadoopUtils {

    private HadoopUtils() {}

    /** Returns an empty Hadoop configuration that reads no files. */
    public static org.apache.hadoop.conf.Configuration getHadoopConfiguration(Configuration flinkConfiguration) {
        return new org.apache.hadoop.conf.Configuration(false);
    }
}
