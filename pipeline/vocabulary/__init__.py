"""Which tokens a data set knows: counted, chosen, written."""
