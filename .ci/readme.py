"""Print the commands of README.md as they stand there, one a line."""

import re
from pathlib import Path

blocks = re.findall(r"^```bash\n(.*?)^```", Path("README.md").read_text(), re.M | re.S)
if len(blocks) != 2:
    raise SystemExit(
        f"README.md must hold two commands in bash blocks; got {len(blocks)}."
    )
print("".join(blocks), end="")
