"""Checks pasted texts: layer tables, classification reports, confusion matrices."""
