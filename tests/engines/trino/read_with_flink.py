"""Print the rows of a table as JSON, read by Flink as the applications have it: `ENDPOINT HOME DATABASE TABLE`."""

import json
import sys

from pyflink.common import Configuration
from pyflink.table import EnvironmentSettings, TableEnvironment

from flink_apps.shared.properties import LakeSettings
from flink_apps.shared.tables import lake_catalog, lake_table
from twin.settings import ROOT

JAR = ROOT / "build" / "java" / "flink" / "pyflink-dependencies.jar"


def main(endpoint: str, _home: str, database: str, table: str) -> None:
    configuration = Configuration()
    configuration.set_string("pipeline.jars", JAR.as_uri())
    configuration.set_string("parallelism.default", "1")
    settings = EnvironmentSettings.new_instance().in_batch_mode().with_configuration(configuration).build()
    environment = TableEnvironment.create(settings)
    lake = LakeSettings(warehouse="s3://unused/warehouse", databases={})
    environment.execute_sql(lake_catalog(lake, endpoint=endpoint))
    result = environment.execute_sql(f"SELECT * FROM {lake_table(database, table)}")
    names = result.get_table_schema().get_field_names()
    with result.collect() as rows:
        found = [dict(zip(names, row, strict=True)) for row in rows]
    sys.stdout.write(json.dumps(found, default=str) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
