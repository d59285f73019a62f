"""The table of findings of the diagnosis, from the rows that the rules are asked by."""

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.util.docutils import SphinxDirective

from skdeepbin.diagnosis.training._rules import FINDINGS


class Findings(SphinxDirective):
    """``findings``: a row for each rule, in the order in which they are asked."""

    def run(self):
        """Write the table in Markdown, and have it parsed."""
        lines = ["| code | severity | found | remedy |", "| --- | --- | --- | --- |"]
        lines += [
            f"| `{r.code}` | {', '.join(r.severity)} | {r.meaning} | {r.remedy} |"
            for r in FINDINGS
        ]
        table = nodes.container()
        self.state.nested_parse(StringList(lines, "findings"), 0, table)
        return table.children


def setup(app):
    """Add the directive."""
    app.add_directive("findings", Findings)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
