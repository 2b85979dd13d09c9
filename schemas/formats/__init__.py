"""Files of every format become raw records: columns, and where each record stands. Stands below `records`."""
