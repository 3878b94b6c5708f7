"""What lies in output folders so that nothing is lost or taken for what it is not."""
