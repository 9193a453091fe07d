"""Print a table as JSON, read by Spark as a Glue job has it: `ENDPOINT HOME DATABASE TABLE` as arguments."""

import json
import os
import sys
from pathlib import Path

from pyspark.sql import SparkSession

from glue_jobs.shared import lake
from twin.engines.spark import base_conf, catalog_conf, jars
from twin.settings import REGION

CATALOG = f"spark.sql.catalog.{lake.CATALOG}"


def main(endpoint: str, home: str, database: str, table: str) -> None:
    conf = base_conf(libraries=jars(), endpoint=endpoint, region=REGION, scratch=Path(home) / "spark")
    job_conf = {
        CATALOG: "org.apache.iceberg.spark.SparkCatalog",
        f"{CATALOG}.catalog-impl": "org.apache.iceberg.aws.glue.GlueCatalog",
        f"{CATALOG}.io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        f"{CATALOG}.warehouse": "s3://unused/warehouse",
    }
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = SparkSession.builder.appName("read")
    for key, value in (conf | job_conf | catalog_conf(job_conf, endpoint=endpoint, region=REGION)).items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    rows = [row.asDict() for row in session.table(f"{lake.CATALOG}.{database}.{table}").collect()]
    session.stop()
    sys.stdout.write(json.dumps(rows, default=str) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
