"""What is refused before anything is run, cleared or written: the same for every way in."""
