"""From segments, the encoded records of one block each, to shards, each a range of the order of all records."""
