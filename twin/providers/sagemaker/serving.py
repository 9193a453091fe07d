"""What the container of a model does with a request: the four functions of the model's own program, in one process.

`python serving.py PROGRAM MODEL_FOLDER CONTENT_TYPE ACCEPT INPUT OUTPUT`. It runs apart from the emulator and imports
nothing of it.
"""

import importlib
import sys
from pathlib import Path


def main(program: str, model: str, content_type: str, accept: str, given: str, answer: str) -> None:
    """Load the model, and answer one request."""
    path = Path(program)
    sys.path.insert(0, str(path.parent))
    module = importlib.import_module(path.stem)
    loaded = module.model_fn(model)
    data = module.input_fn(Path(given).read_bytes(), content_type)
    said = module.output_fn(module.predict_fn(data, loaded), accept)
    body = said[0] if isinstance(said, tuple) else said
    Path(answer).write_bytes(body.encode() if isinstance(body, str) else bytes(body))


if __name__ == "__main__":
    main(*sys.argv[1:])
