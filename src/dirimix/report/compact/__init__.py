"""What keeps the page small: figures and columns written without what nobody sees."""
