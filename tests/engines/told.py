"""Variables of the environment by which who fetches parts of engines tells the cases where they are.

Apart from the cases: pytest rewrites the assertions of a module only where nobody has imported it before.
"""

PRISM = "LENGTHWISE_PRISM"  # path of Prism
KAFKA = "LENGTHWISE_KAFKA"  # folder of Kafka's jars
FLINK = "LENGTHWISE_FLINK"  # JSON of `Parts.stated`
RECORDS = "LENGTHWISE_FLINK_RECORDS"  # spec and file of records; empty: Python's library
