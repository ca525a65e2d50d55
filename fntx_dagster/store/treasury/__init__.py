"""The tables of schema `treasury`: the audit log, its checkpoints and anchors; sanctions lists, parties, screenings."""
