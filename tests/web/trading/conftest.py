"""Who looks at the pages over the homes that `fntx demo --orders` and `--signals` leave."""

from __future__ import annotations

from fntx_dagster.services.visitors.visitor import AUDITOR, OWNER, TRADER, Visitor

THE_OWNER, THE_AUDITOR = Visitor("olga", OWNER), Visitor("anna", AUDITOR)
ADA, BOB = Visitor("ada", TRADER), Visitor("bob", TRADER)
