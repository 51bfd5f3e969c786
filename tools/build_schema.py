"""Write the JSON Schema that ships with the package: run it after a settings type has changed."""

from __future__ import annotations

from noria.project.schema import SHIPPED, as_text

if __name__ == "__main__":
    SHIPPED.write_text(as_text(), encoding="utf-8")
