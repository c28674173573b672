"""Maquette side by side with the libraries one would use instead of it."""
