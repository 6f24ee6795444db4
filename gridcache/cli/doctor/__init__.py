"""What `grid doctor` looks at: one file a subject, each gives findings."""
