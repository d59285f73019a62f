"""Print the oldest dependencies that pyproject.toml allows, as arguments for pip."""

import tomllib
from pathlib import Path

project = tomllib.loads(Path("pyproject.toml").read_text())["project"]
extras = project["optional-dependencies"]
needed = project["dependencies"] + extras["test"] + extras["onnx"]
print(*(requirement.replace(">=", "==") for requirement in needed))
