"""The compliance gate: lists that are loaded, parties that are screened against them, and what people decided."""
