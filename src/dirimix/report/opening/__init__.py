"""What Explore shows first: a site, the section through it, and the figures for print."""
