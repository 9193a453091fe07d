"""Where the image of the jobs is: AWS publishes XGBoost's in a registry of each Region, each in an account of AWS's.

The accounts are those that SageMaker's Python SDK resolves for the repository (`image_uri_config/xgboost.json`) and
that the developer guide lists by Region (docs.aws.amazon.com/sagemaker/latest/dg-ecr-paths). They are the same for all
tags.
"""

from typing import Final

import aws_cdk as cdk
from constructs import Construct

REPOSITORY: Final = "sagemaker-xgboost"
TAG: Final = "3.0-5"
_ACCOUNTS: Final = {
    "af-south-1": "510948584623",
    "ap-east-1": "651117190479",
    "ap-northeast-1": "354813040037",
    "ap-northeast-2": "366743142698",
    "ap-northeast-3": "867004704886",
    "ap-south-1": "720646828776",
    "ap-south-2": "628508329040",
    "ap-southeast-1": "121021644041",
    "ap-southeast-2": "783357654285",
    "ap-southeast-3": "951798379941",
    "ap-southeast-4": "106583098589",
    "ca-central-1": "341280168497",
    "ca-west-1": "190319476487",
    "eu-central-1": "492215442770",
    "eu-central-2": "680994064768",
    "eu-north-1": "662702820516",
    "eu-south-1": "978288397137",
    "eu-south-2": "104374241257",
    "eu-west-1": "141502667606",
    "eu-west-2": "764974769150",
    "eu-west-3": "659782779980",
    "il-central-1": "898809789911",
    "me-central-1": "272398656194",
    "me-south-1": "801668240914",
    "sa-east-1": "737474898029",
    "us-east-1": "683313688378",
    "us-east-2": "257758044811",
    "us-west-1": "746614075791",
    "us-west-2": "246618743249",
}


class ImageRegistry(Construct):
    """The registry of the Region in which the stack is deployed, which a mapping of the template finds.

    Attributes:
        image: the address of the image.
        arn: of its repository.
    """

    image: str
    arn: str

    def __init__(self, scope: Construct, id_: str) -> None:
        super().__init__(scope, id_)
        stack = cdk.Stack.of(self)
        accounts = cdk.CfnMapping(
            self, "Accounts", mapping={region: {"account": account} for region, account in _ACCOUNTS.items()}
        )
        account = accounts.find_in_map(cdk.Aws.REGION, "account")
        self.image = f"{account}.dkr.ecr.{stack.region}.{stack.url_suffix}/{REPOSITORY}:{TAG}"
        self.arn = f"arn:{stack.partition}:ecr:{stack.region}:{account}:repository/{REPOSITORY}"
