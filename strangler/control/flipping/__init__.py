"""One path for every flip: from the command line, the pages and the automatic ladder, up and down, with the store or without."""
