"""The log as a topic of Apache Kafka."""
