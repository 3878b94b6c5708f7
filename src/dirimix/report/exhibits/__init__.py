"""The tables and figures that a study may ask for, by kind."""
