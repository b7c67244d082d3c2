"""What is wrong with a mappings file and the live schemas, before anything is written."""
