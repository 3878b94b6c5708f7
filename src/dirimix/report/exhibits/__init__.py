"""Tables and figures that a study asks for."""
