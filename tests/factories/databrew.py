"""Jobs of DataBrew and their data set, as the template deploys them."""

from typing import Any

ROLE = "arn:aws:iam::123456789012:role/preparation"
KEY = "arn:aws:kms:us-east-1:123456789012:key/lake"
# Where the data set lies, and where the jobs write.
SOURCE = "s3://results/preparation/customers/"
OUTCOME = "s3://products/prepared/customers/"
INPUT_TABLE = "customers_to_prepare"


def data_sets(database: str) -> dict[str, dict[str, Any]]:
    """Return the data set `customers`, which is a table of a database of the catalog."""
    source = {"DatabaseName": database, "TableName": INPUT_TABLE}
    return {"customers": {"Input": {"DataCatalogInputDefinition": source}}}


def jobs() -> dict[str, dict[str, Any]]:
    """Return the jobs `prepare`, which runs version 1.0 of the recipe `customers`, and `profile`."""
    shared = {
        "DatasetName": "customers",
        "RoleArn": ROLE,
        "EncryptionMode": "SSE-KMS",
        "EncryptionKeyArn": KEY,
        "LogSubscription": "ENABLE",
    }
    return {
        "prepare": {
            "Name": "prepare",
            "Type": "RECIPE",
            "Recipe": {"Name": "customers", "Version": "1.0"},
            "Outputs": [
                {
                    "Location": {"Bucket": "products", "Key": "prepared/customers/"},
                    "Format": "PARQUET",
                    "CompressionFormat": "SNAPPY",
                    "Overwrite": True,
                }
            ],
            **shared,
        },
        "profile": {
            "Name": "profile",
            "Type": "PROFILE",
            "OutputLocation": {"Bucket": "products", "Key": "prepared/profile/"},
            "JobSample": {"Mode": "FULL_DATASET"},
            "ProfileConfiguration": {
                "ProfileColumns": [{"Name": "state"}, {"Regex": "(orders|csat_average|loyalty_tier)"}],
                "DatasetStatisticsConfiguration": {"IncludedStatistics": ["DUPLICATE_ROWS_COUNT"]},
                "ColumnStatisticsConfigurations": [
                    {
                        "Statistics": {
                            "IncludedStatistics": [
                                "DISTINCT_VALUES_COUNT",
                                "UNIQUE_VALUES_COUNT",
                                "MISSING_VALUES_COUNT",
                                "MIN",
                                "MAX",
                                "MEAN",
                                "MEDIAN",
                                "PERCENTILES",
                                "SUM",
                                "ZEROS_COUNT",
                            ]
                        }
                    }
                ],
            },
            **shared,
        },
    }
