"""What the reports of the store look like as sections: one file a kind of report."""
