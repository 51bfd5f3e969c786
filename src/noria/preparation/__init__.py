"""From rows to a matrix: cleaning before the split, imputing, encoding and scaling inside each training fold."""
