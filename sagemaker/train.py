"""The program of a training job: what `sagemaker_program` names."""

import sys

from c360_ml.train import main

if __name__ == "__main__":
    sys.exit(main())
